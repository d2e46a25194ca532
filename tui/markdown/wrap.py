"""Finds where a shown line breaks into rows of a width, counted in terminal cells."""

from __future__ import annotations

from rich.cells import cell_len, split_graphemes


def break_positions(text: str, first_width: int, rest_width: int, *, at_words: bool) -> list[int]:
    """Give the start index of each row: the first row `first_width` cells wide, the others `rest_width`.

    Rows end after spaces if `at_words`, and a word longer than a row is cut; a character wider than the row stands alone.
    """
    if text.isascii():
        if len(text) <= first_width:
            return [0]
        return _break_ascii(text, max(1, first_width), max(1, rest_width), at_words=at_words)
    if cell_len(text) <= first_width:
        return [0]
    return _break_cells(text, max(1, first_width), max(1, rest_width), at_words=at_words)


def _break_ascii(text: str, first_width: int, rest_width: int, *, at_words: bool) -> list[int]:
    starts = [0]
    at, width, length = 0, first_width, len(text)
    while length - at > width:
        cut = at + width
        if at_words:
            space = text.rfind(" ", at, cut + 1)
            if space > at and not text[at:space].isspace():
                cut = space + 1
                while cut < length and text[cut] == " ":
                    cut += 1
                if cut == length:
                    break
        starts.append(cut)
        at, width = cut, rest_width
    return starts


def _break_cells(text: str, first_width: int, rest_width: int, *, at_words: bool) -> list[int]:
    starts = [0]
    width, used = first_width, 0
    word_at, used_at_word = 0, 0  # the latest place after a space, and the cells before it in this row
    for start, end, cells in split_graphemes(text)[0]:
        is_space = text[start:end] == " "
        if used + cells > width and not (is_space and at_words) and start > starts[-1]:
            if at_words and word_at > starts[-1]:
                starts.append(word_at)
                used -= used_at_word
                if used + cells > rest_width and start > starts[-1]:
                    starts.append(start)
                    used = 0
            else:
                starts.append(start)
                used = 0
            width = rest_width
            used_at_word = 0
        used += cells
        if is_space or cells == 2:  # scripts of wide characters break anywhere
            word_at, used_at_word = end, used
    return starts
