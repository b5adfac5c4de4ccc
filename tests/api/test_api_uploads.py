"""Uploaded files: what Strapi 5.54 answered to the same files, and the smaller versions themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageChops, ImageStat

from support.api import SECRETS
from support.content import STRAPI_DATA

FULL = {"Authorization": f"Bearer {SECRETS['apiToken']}"}
ORIENTATION = 0x112
COPYRIGHT = 0x8298


def _picture(recipe: Mapping[str, Any]) -> bytes:
    """Return the image that a recipe describes, as it was made while Strapi was asked."""
    width, height = recipe["size"]
    base = Image.linear_gradient("L").resize((width, height))
    radial = Image.radial_gradient("L").resize((width, height))
    picture = Image.merge("RGB", (base, radial, base)).convert(recipe.get("mode", "RGB"))
    options: dict[str, Any] = {}
    if frames := recipe.get("frames"):
        other = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        options = {"save_all": True, "append_images": [other] * (frames - 1), "duration": 100, "loop": 0}
    if orientation := recipe.get("orientation"):
        options["exif"] = _exif({ORIENTATION: orientation})
    target = BytesIO()
    picture.save(target, recipe["format"], **options)
    return target.getvalue()[: recipe.get("bytes")]


def _exif(values: Mapping[int, Any]) -> Image.Exif:
    exif = Image.Exif()
    for tag, value in values.items():
        exif[tag] = value
    return exif


def _send(api: httpx.Client, step: Mapping[str, Any]) -> httpx.Response:
    data = {"fileInfo": step["fileInfo"]} if "fileInfo" in step else {}
    files: dict[str, Any] = {"other": (None, "x")}
    if step["name"] is not None:
        content = _picture(step["image"]) if "image" in step else step["content"].encode()
        files = {"files": (step["name"], content, step["type"])}
    return api.post("/api/upload" + step.get("parameters", ""), headers=FULL, data=data, files=files)


def _comparable(document: Any) -> Any:
    """Return an answer without what is of chance (names, moments) and of the encoder (sizes in bytes)."""
    entry = document[0] if isinstance(document, list) else document
    if entry.get("hash"):
        document = json.loads(json.dumps(document).replace(entry["hash"][-10:], "HASH"))
        entry = document[0] if isinstance(document, list) else document
    for name in ("createdAt", "updatedAt", "publishedAt", "documentId"):
        entry.pop(name, None)
    for item in (entry, *(entry.get("formats") or {}).values()):
        item.pop("size", None)
        item.pop("sizeInBytes", None)
    return document


@pytest.mark.long
def test_files_are_taken_as_by_strapi(api: httpx.Client) -> None:
    """Images of every kind and mode, damaged ones, names, kinds, `fileInfo`, replaced files."""
    steps = json.loads((STRAPI_DATA / "rest" / "uploads.json").read_text(encoding="utf-8"))
    assert len(steps) > 50
    for step in steps:
        response = _send(api, step)
        found = {"status": response.status_code, "body": _comparable(response.json())}
        assert found == step["response"], step["name"]


def test_a_file_is_attached_to_no_component_by_documentid(api: httpx.Client) -> None:
    form = {"ref": "skill.additional-file", "refId": "abc", "field": "file"}
    files = {"files": ("a.txt", b"hello", "text/plain")}
    response = api.post("/api/upload", headers=FULL, data=form, files=files)
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "There is no entry abc of skill.additional-file"


def test_smaller_versions_show_the_same_picture(api: httpx.Client, tmp_path: Path) -> None:
    sent = _picture({"format": "JPEG", "size": [1600, 900]})
    (file,) = api.post("/api/upload", headers=FULL, files={"files": ("a b.jpg", sent, "image/jpeg")}).json()
    original = Image.open(BytesIO(sent))
    assert set(file["formats"]) == {"thumbnail", "small", "medium", "large"}
    for key, version in file["formats"].items():
        served = api.get(version["url"])
        assert len(served.content) == version["sizeInBytes"]
        picture = Image.open(BytesIO(served.content))
        assert picture.format == "JPEG"
        assert picture.size == (version["width"], version["height"])
        difference = ImageChops.difference(picture, original.resize(picture.size))
        assert max(ImageStat.Stat(difference).mean) < 4, key
    assert api.delete(f"/api/upload/files/{file['id']}", headers=FULL).status_code == 200
    assert list((tmp_path / "uploads").iterdir()) == []


def test_moving_pictures_move_when_they_are_smaller(api: httpx.Client) -> None:
    sent = _picture({"format": "GIF", "size": [600, 400], "frames": 3})
    (file,) = api.post("/api/upload", headers=FULL, files={"files": ("a.gif", sent, "image/gif")}).json()
    small = Image.open(BytesIO(api.get(file["formats"]["small"]["url"]).content))
    original = Image.open(BytesIO(sent))
    assert getattr(small, "n_frames", 1) == getattr(original, "n_frames", 1) > 1
    assert small.info["duration"] == 100


def test_where_and_by_whom_a_picture_was_taken_is_not_published(api: httpx.Client) -> None:
    target = BytesIO()
    exif = _exif({ORIENTATION: 6, COPYRIGHT: "somebody"})
    Image.new("RGB", (600, 300)).save(target, "JPEG", exif=exif)
    files = {"files": ("a.jpg", target.getvalue(), "image/jpeg")}
    (file,) = api.post("/api/upload", headers=FULL, files=files).json()
    assert (file["width"], file["height"]) == (600, 300)
    for url in (file["url"], file["formats"]["thumbnail"]["url"]):
        # How it is to be held is all that stays: without it, it would lie on its side.
        assert dict(Image.open(BytesIO(api.get(url).content)).getexif()) == {ORIENTATION: 6}


def test_a_picture_of_too_many_pixels_is_not_decoded(api: httpx.Client) -> None:
    target = BytesIO()
    Image.new("1", (30000, 30000)).save(target, "PNG")
    files = {"files": ("huge.png", target.getvalue(), "image/png")}
    (file,) = api.post("/api/upload", headers=FULL, files=files).json()
    assert (file["width"], file["height"], file["formats"]) == (30000, 30000, None)
    assert api.get(file["url"]).content == target.getvalue()


def test_without_pillow_pictures_are_kept_as_they_came(
    strapi_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from support.api import recorded_settings, serving

    monkeypatch.setattr("howdah.service.api.images.find_spec", lambda name: None)
    sent = _picture({"format": "JPEG", "size": [1600, 900]})
    with serving(strapi_database, recorded_settings(tmp_path)) as api:
        (file,) = api.post("/api/upload", headers=FULL, files={"files": ("a.jpg", sent, "image/jpeg")}).json()
        assert (file["width"], file["height"], file["formats"]) == (1600, 900, None)
        assert api.get(file["url"]).content == sent


def test_an_upload_that_fails_leaves_nothing(api: httpx.Client, tmp_path: Path) -> None:
    good = _picture({"format": "PNG", "size": [600, 400]})
    damaged = _picture({"format": "JPEG", "size": [1600, 900], "bytes": 9000})
    response = api.post(
        "/api/upload",
        headers=FULL,
        files=[("files", ("a.png", good, "image/png")), ("files", ("b.jpg", damaged, "image/jpeg"))],
    )
    assert response.status_code == 400
    assert list((tmp_path / "uploads").iterdir()) == []


def test_another_file_under_the_same_address_takes_its_smaller_versions_along(
    api: httpx.Client, tmp_path: Path
) -> None:
    first = _picture({"format": "PNG", "size": [1200, 800]})
    (file,) = api.post("/api/upload", headers=FULL, files={"files": ("a.png", first, "image/png")}).json()
    second = _picture({"format": "PNG", "size": [600, 400]})
    path = f"/api/upload?id={file['id']}"
    replaced = api.post(path, headers=FULL, files={"files": ("b.png", second, "image/png")}).json()
    assert (replaced["url"], replaced["width"]) == (file["url"], 600)
    there = {path.name for path in (tmp_path / "uploads").iterdir()}
    assert there == {
        Path(url).name for url in (replaced["url"], *(item["url"] for item in replaced["formats"].values()))
    }
    assert set(replaced["formats"]) == {"thumbnail", "small"}
