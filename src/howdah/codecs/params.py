"""Read a codec's parameters from a plan; a value nobody knows is an error, never the default."""

from __future__ import annotations

from collections.abc import Mapping

from howdah.errors import UsageError


def read_choice(params: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """Return the parameter, by default the first choice. Raises UsageError C-103 for any other value."""
    value = params.get(name, choices[0])
    if value not in choices:
        raise UsageError(
            "C-103",
            f'parameter "{name}" of the codec cannot be "{value}"',
            hint="Possible values: " + ", ".join(choices) + ".",
        )
    return value


def read_integer(params: Mapping[str, str], name: str) -> int | None:
    """Return the parameter as an integer, None where it is absent. Raises UsageError C-103 otherwise."""
    value = params.get(name)
    if value is None:
        return None
    try:
        return int(value)
    except ValueError:
        raise UsageError(
            "C-103", f'parameter "{name}" of the codec must be an integer, not "{value}"'
        ) from None


def read_words(params: Mapping[str, str]) -> tuple[str, str]:
    """Return the two words of parameter `words`, "true/false" by default. Raises UsageError C-103."""
    text = params.get("words", "true/false")
    word_for_true, slash, word_for_false = text.partition("/")
    if not slash or "/" in word_for_false or word_for_true == word_for_false:
        raise UsageError(
            "C-103",
            f'parameter "words" of the codec cannot be "{text}"',
            hint='Write the word for true, a slash and the word for false, such as "yes/no".',
        )
    return word_for_true, word_for_false
