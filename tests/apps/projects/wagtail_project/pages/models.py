"""A page type with what Wagtail has of its own: rich text, blocks, an image, inlines, tags; and a snippet."""

from __future__ import annotations

from django.db import models
from modelcluster.contrib.taggit import ClusterTaggableManager
from modelcluster.fields import ParentalKey
from taggit.models import TaggedItemBase
from wagtail.blocks import CharBlock, RichTextBlock
from wagtail.fields import RichTextField, StreamField
from wagtail.images.blocks import ImageChooserBlock
from wagtail.models import Orderable, Page
from wagtail.search import index
from wagtail.snippets.models import register_snippet


@register_snippet
class Author(models.Model):
    name = models.CharField(max_length=40)


class ArticleTag(TaggedItemBase):
    content_object = ParentalKey("Article", related_name="tagged_items", on_delete=models.CASCADE)


class Article(Page):
    body = RichTextField(blank=True)
    stream = StreamField(
        [("heading", CharBlock()), ("paragraph", RichTextBlock()), ("image", ImageChooserBlock())],
        blank=True,
    )
    day = models.DateField(null=True, blank=True)
    picture = models.ForeignKey(
        "wagtailimages.Image", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    author = models.ForeignKey(Author, null=True, blank=True, on_delete=models.SET_NULL)
    tags = ClusterTaggableManager(through=ArticleTag, blank=True)

    search_fields = (*Page.search_fields, index.SearchField("body"))


class Link(Orderable):
    page = ParentalKey(Article, related_name="links", on_delete=models.CASCADE)
    url = models.URLField()
