"""A field of every kind that Django has on both databases."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models


class Parent(models.Model):
    name = models.CharField(max_length=50)


class Every(models.Model):
    small = models.SmallIntegerField()
    whole = models.IntegerField(db_index=True)
    big = models.BigIntegerField(unique=True)
    positive = models.PositiveIntegerField()
    flag = models.BooleanField(default=False)
    maybe = models.BooleanField(null=True)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    ratio = models.FloatField()
    day = models.DateField(null=True)
    at = models.DateTimeField(null=True)
    clock = models.TimeField(null=True)
    span = models.DurationField(null=True)
    key = models.UUIDField(null=True, unique=True)
    document = models.JSONField()
    blob = models.BinaryField(null=True)
    address = models.GenericIPAddressField(null=True)
    slug = models.SlugField()
    text = models.TextField()
    doubled = models.GeneratedField(
        expression=models.F("positive") * 2, output_field=models.BigIntegerField(), db_persist=True
    )
    parent = models.ForeignKey(Parent, on_delete=models.CASCADE, related_name="everies")
    twin = models.ForeignKey("self", null=True, on_delete=models.SET_NULL)
    friends = models.ManyToManyField(Parent, related_name="befriended")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(positive__gte=0), name="every_positive")
        ]


class Note(models.Model):
    kind = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    number = models.PositiveBigIntegerField()
    about = GenericForeignKey("kind", "number")
    text = models.TextField()
