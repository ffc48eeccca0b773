# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import csv
import io
import re

import pytest
from ansible_collections.clickhouse.cloud.plugins.filter.access_cell import access_cell
from hypothesis import given
from hypothesis import strategies as st

# Full-width, too.
FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
SEPARATORS = (",", ";", "\t", "|", "\n", "\r", '"', " ", ":")


@pytest.mark.parametrize("separator", ["", *SEPARATORS], ids=repr)
@pytest.mark.parametrize("first", FORMULA)
def test_csv_runs_no_formula_whatever_separates_cells(first, separator):
    (row,) = csv.reader(io.StringIO(access_cell(f"x{separator}{first}1+1;y" if separator else f"{first}1+1", "csv")))
    cells = re.split(re.escape(separator), row[0]) if separator else row
    assert not [cell for cell in cells if cell.startswith(FORMULA)]


@given(st.text(alphabet=st.sampled_from([*FORMULA, *SEPARATORS, "a", ".", "1", "\u0301"])), st.sampled_from(SEPARATORS))
def test_csv_cell_stays_one_cell_and_harmless(text, separator):
    line = f'"alice@example.com",{access_cell(text, "csv")},"member"'
    cells = next(csv.reader(io.StringIO(line, newline="")))
    assert len(cells) == 3
    # The beginning of a run of such characters counts.
    assert not [part for part in cells[1].split(separator) if part.startswith(FORMULA)]


@pytest.mark.parametrize(
    "text", ["alice@example.com", "a-b+c@x-y.example.com", "Ann-Marie O'Neil", "2026-11-26T12:00:00Z"]
)
def test_csv_keeps_plain_text_as_it_is(text):
    assert access_cell(text, "csv") == f'"{text}"'


@pytest.mark.parametrize(
    ("value", "cell"),
    [(None, ""), (True, "yes"), (False, "no"), (["Admin", "Billing"], "Admin, Billing"), (7, "7"), ('a"b', 'a""b')],
)
def test_csv_shows_every_kind_of_value(value, cell):
    assert access_cell(value, "csv") == f'"{cell}"'


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("alice@example.com", "`alice@example.com`"),
        ("a|b@example.com", "a&#124;b&#64;example.com"),
        ("nothing yet, on the list: Admin (1.5)", "nothing yet, on the list: Admin (1.5)"),
        ("![x](https://evil.example/p.png)", "&#33;&#91;x&#93;(https&#58;&#47;&#47;evil.example&#47;p.png)"),
        ("www.evil.example", "www&#46;evil.example"),
        ("<b>`*_~", "&#60;b&#62;&#96;&#42;&#95;&#126;"),
        ("a|b\r\nc\\", "a&#124;b c&#92;"),
        (None, ""),
    ],
)
def test_markdown_cell_stays_one_cell_without_links_pictures_and_html(text, cell):
    assert access_cell(text, "md") == cell
