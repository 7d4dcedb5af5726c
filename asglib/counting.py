"""Numbers of things in words: 1 clip, 2 clips."""


def counted(number: int, what: str) -> str:
    """A number of things.

    >>> counted(1, "clip"), counted(2_565, "clip")
    ('1 clip', '2,565 clips')
    """
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
