"""
A Wagtail site: `run.py create|fill|index|dump|insert`.

`create` makes the migrations (once) and applies them; `fill` writes through Wagtail's own models;
`index` builds the search index; `dump` prints what they read, as JSON. EVERY_DATABASE names the database.
"""

from __future__ import annotations

import datetime
import io
import json
import sys
from pathlib import Path

from django_site import migrate, run, set_up

HERE = Path(__file__).parent


set_up(
    HERE,
    "wagtail.contrib.redirects",
    "wagtail.embeds",
    "wagtail.sites",
    "wagtail.users",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "pages",
    MEDIA_ROOT=str(HERE / "media"),
    MEDIA_URL="/media/",
    STATIC_URL="/static/",
    WAGTAIL_SITE_NAME="tests",
    WAGTAILADMIN_BASE_URL="http://localhost",
    ROOT_URLCONF="pages.urls",
)

from django.contrib.auth.models import User  # noqa: E402
from django.core.files.base import ContentFile  # noqa: E402
from django.core.files.images import ImageFile  # noqa: E402
from django.core.management import call_command  # noqa: E402
from pages.models import Article, Author, Link  # noqa: E402
from PIL import Image as Picture  # noqa: E402
from wagtail.contrib.redirects.models import Redirect  # noqa: E402
from wagtail.documents.models import Document  # noqa: E402
from wagtail.images.models import Image, Rendition  # noqa: E402
from wagtail.models import Collection, Page, ReferenceIndex, Revision, Site, Workflow  # noqa: E402


def create() -> None:
    migrate(HERE, "pages")


def index() -> None:
    call_command("update_index", verbosity=0)


def fill() -> None:
    owner = User.objects.create_superuser("owner", "owner@example.com", "s3cret")
    collection = Collection.get_first_root_node().add_child(name="Bilder – ü")
    drawn = io.BytesIO()
    Picture.new("RGB", (30, 20), "teal").save(drawn, "PNG")
    image = Image.objects.create(
        title="teal",
        file=ImageFile(drawn, name="teal.png"),
        collection=collection,
        uploaded_by_user=owner,
    )
    image.get_rendition("max-10x10")
    document = Document(title="a text", collection=collection)
    document.file.save("a.txt", ContentFile(b"text"))
    author = Author.objects.create(name="Ann")
    home = Site.objects.get(is_default_site=True).root_page
    first = home.add_child(
        instance=Article(
            title="Ein Anfang – ü",
            slug="anfang",
            body="<p>first <b>words</b></p>",
            stream=[("heading", "Kopf"), ("paragraph", "<p>Absatz</p>"), ("image", image)],
            day=datetime.date(2024, 2, 29),
            picture=image,
            author=author,
            owner=owner,
        )
    )
    first.links.add(Link(url="https://example.com/b", sort_order=1))
    first.links.add(Link(url="https://example.com/a", sort_order=0))
    first.tags.add("red", "grün")
    first.save_revision(user=owner).publish()
    for number in range(12):
        first.add_child(instance=Article(title=f"below {number}", body=f"<p>number {number}</p>"))
    first.title = "a draft"
    first.save_revision(user=owner)
    hidden = home.add_child(instance=Article(title="hidden", live=False))
    hidden.save_revision(approved_go_live_at=datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC))
    home.add_child(instance=Article(title="Seite")).copy(update_attrs={"slug": "kopie", "title": "Kopie"})
    first.get_children().first().move(hidden, pos="last-child")
    Redirect.objects.create(old_path="/alt", redirect_page=first)


def dump() -> None:
    pages = [
        [
            *(
                page.pk,
                page.path,
                page.depth,
                page.numchild,
                page.title,
                page.draft_title,
                page.slug,
                page.url_path,
            ),
            *(page.live, page.has_unpublished_changes, str(page.translation_key), str(page.locale)),
            *(
                str(page.first_published_at),
                str(page.last_published_at),
                page.latest_revision_id,
                page.owner_id,
            ),
            *(str(page.content_type.natural_key()), page.live_revision_id),
        ]
        for page in Page.objects.order_by("path")
    ]
    articles = [
        [
            *(page.pk, page.body, list(page.stream.raw_data), str(page.day)),
            *(page.picture_id, page.author and page.author.name),
            *([link.url for link in page.links.all()], sorted(page.tags.names())),
        ]
        for page in Article.objects.order_by("pk")
    ]
    found = {
        "pages": pages,
        "articles": articles,
        "problems": [list(map(str, listed)) for listed in Page.find_problems()],
        "revisions": [
            [each.pk, each.object_id, str(each.created_at), str(each.approved_go_live_at), each.content]
            for each in Revision.objects.order_by("pk")
        ],
        "draft": Article.objects.get(slug="anfang").get_latest_revision_as_object().title,
        "images": [
            [each.title, each.file.name, each.width, each.file_hash, str(each.created_at), each.file.size]
            for each in Image.objects.order_by("pk")
        ],
        "renditions": [[each.filter_spec, each.file.name] for each in Rendition.objects.order_by("pk")],
        "documents": [[each.title, each.file.read().decode()] for each in Document.objects.order_by("pk")],
        "collections": [[each.path, each.name] for each in Collection.objects.order_by("path")],
        "redirects": [[each.old_path, each.redirect_page_id] for each in Redirect.objects.order_by("pk")],
        "references": sorted(
            [str(each.base_content_type.natural_key()), each.object_id, each.model_path, each.to_object_id]
            for each in ReferenceIndex.objects.all()
        ),
        "site": [[each.hostname, each.root_page_id] for each in Site.objects.order_by("pk")],
        "workflows": [each.name for each in Workflow.objects.order_by("pk")],
        "password holds": User.objects.get(username="owner").check_password("s3cret"),
        "found": sorted(page.pk for page in Page.objects.search("words")),
    }
    json.dump(found, sys.stdout, indent=1, sort_keys=True, default=str)


def insert() -> None:
    home = Site.objects.get(is_default_site=True).root_page
    page = home.add_child(instance=Article(title="afterwards"))
    revision = page.save_revision()
    print(page.pk, page.path, revision.pk)


if __name__ == "__main__":
    run(create=create, fill=fill, index=index, dump=dump, insert=insert)
