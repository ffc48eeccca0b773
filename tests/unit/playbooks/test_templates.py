# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that the playbooks write hold what they are to hold, whatever is in the organization."""

from __future__ import annotations

import csv
import html.parser
import io
import json
import re
from pathlib import Path

import jinja2
import pytest
from ansible.plugins.filter import core as filters
from ansible_collections.clickhouse.cloud.plugins.filter.access_report import access_report

ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).resolve().parents[3] / "roles/access/templates"),
    trim_blocks=True,
    undefined=jinja2.StrictUndefined,
)
ENVIRONMENT.filters.update(to_nice_json=filters.to_nice_json)

NOW = "2026-11-26T12:00:00Z"
ORGANIZATION = "00000000-0000-4000-8000-00000000c10d"


def person(email, state="member", **others):
    return {
        "email": email,
        "state": state,
        "name": None,
        "roles": ["Developer"],
        "since": "2026-11-20T12:00:00.000Z",
        "until": None if state == "member" else "2026-11-27T12:00:00.000Z",
        "expires_soon": False,
        **others,
    }


PEOPLE = (
    person("alice@example.com", name="Alice Example", roles=["Admin", "Billing"]),
    person("bob@example.com", "invited", expires_soon=True),
    person("carol@example.com", "expired", until="2026-11-24T12:00:00.000Z"),
    person("dave@example.com", "invited", until="2026-12-02T12:00:00.000Z"),
)


def render(template, people=PEOPLE, changes=None, msg="", **variables):
    """Render a template as the playbook report does, compared with a list if there are changes."""
    return ENVIRONMENT.get_template(template).render(
        __access_people={"memberships": people, "organization_id": ORGANIZATION},
        __access_plan={"skipped": True} if changes is None else {"changes": changes},
        __access_report={**access_report(people, changes or [], now=NOW), "msg": msg},
        **variables,
    )


# --- the page ---------------------------------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """What a page says and loads, and whether its elements are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.words, self.loads = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href", "srcset", "action")]
        self.loads += [name for name, _value in attrs if name.startswith("on")]
        if tag not in ("meta", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "title"}.intersection(self.open):
            self.words += data.split()

    def says(self):
        return " ".join(self.words)


def test_page_groups_people_by_state_with_counts():
    changes = [{"email": "erin@example.com", "action": "created"}, {"email": "alice@example.com", "action": "removed"}]
    says = Page(render("report.html.j2", changes=changes)).says()
    assert f"Organization {ORGANIZATION}, as of 2026-11-26, 12:00 UTC" in says
    assert "1 member 2 invited 1 of these expires soon 1 expired 2 differ from the list" in says
    headings = ["Members (1)", "Invited, not joined yet (2)", "Invitation expired (1)", "On the list, nothing yet (1)"]
    places = [says.index(heading) for heading in headings]
    assert places == sorted(places)
    assert "alice @example.com Alice Example Admin Billing 2026-11-20 not on the list" in says
    assert "bob @example.com Developer 2026-11-20 2026-11-27 expires soon, in 1 day" in says
    assert "carol @example.com Developer 2026-11-20 2026-11-24 expired 2 days ago" in says
    assert "dave @example.com Developer 2026-11-20 2026-12-02 expires in 6 days" in says


def test_page_shows_how_much_time_each_invitation_has_left():
    assert re.findall(r'style="width: (\d+)%"', render("report.html.j2")) == ["14", "50"]


def test_page_without_a_list_does_not_count_differences():
    assert "differ from the list" not in render("report.html.j2")


def test_page_of_an_empty_organization_says_so():
    says = Page(render("report.html.j2", people=[])).says()
    assert "0 members" in says
    assert "Nobody has access: no members, no invitations." in says


def test_page_loads_nothing_and_runs_nothing():
    hostile = '<script src="https://example.com/x.js">"\'<b onclick=x>&'
    person_ = person(hostile, "invited", name=hostile, roles=[hostile], since=hostile, until=hostile)
    changes = [{"email": hostile, "action": "replaced", "invitation": {"role": hostile}}]
    page = Page(render("report.html.j2", [person_], changes, clickhouse_cloud_report_title=hostile))
    assert page.loads == []
    assert not {"script", "link", "img"}.intersection(page.tags)
    # The counts at the top are the only bold text.
    assert page.tags.count("b") == 5
    assert page.says().count("<b onclick=x>&") == 5


def test_page_title_can_be_chosen():
    assert "<title>Access to ClickHouse Cloud</title>" in render("report.html.j2", clickhouse_cloud_report_title="")
    assert "<h1>Müller &amp; Co</h1>" in render("report.html.j2", clickhouse_cloud_report_title="Müller & Co")


@pytest.mark.parametrize("template", ["report.html.j2", "report.md.j2", "report.txt.j2"])
def test_report_says_why_the_access_list_cannot_be_applied(template):
    assert "Not compared with the access list, which cannot be applied: No administrator" in render(
        template, msg="No administrator <is> left."
    )


# --- the other formats ------------------------------------------------------------------------------------------------


def test_csv_has_a_row_for_each_person():
    header, *rows = csv.reader(io.StringIO(render("report.csv.j2")))
    assert header == ["email", "name", "state", "roles", "since", "until", "expires_soon", "remarks"]
    assert rows[0] == [
        "alice@example.com",
        "Alice Example",
        "member",
        "Admin, Billing",
        "2026-11-20T12:00:00.000Z",
        "",
        "no",
        "",
    ]
    assert [row[0] for row in rows] == [person["email"] for person in PEOPLE]
    assert rows[1][6:] == ["yes", "expires in 1 day"]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"], ids=repr)
def test_csv_cell_that_a_spreadsheet_would_run_is_defused(first):
    formula = f'{first}cmd|"/c calc",\nx'
    _header, row = csv.reader(
        io.StringIO(render("report.csv.j2", [person(formula, name=formula, roles=[formula])]), newline="")
    )
    assert [row[0], row[1], row[3]] == ["'" + formula] * 3


def test_json_is_the_report_as_published():
    report = json.loads(render("report.json.j2"))
    assert report == {**access_report(PEOPLE, now=NOW), "msg": ""}


def test_markdown_cell_stays_one_cell():
    hostile = "a|b\r\n<b>"
    table = render("report.md.j2", [person(hostile, name=hostile)]).splitlines()[-1]
    assert table == ("| a&#124;b  &lt;b&gt; | a&#124;b  &lt;b&gt; | member | Developer | 2026-11-20 |  |  |")


def test_table_is_aligned_and_ends_with_counts():
    *rows, counts = render("report.txt.j2").strip("\n").splitlines()
    assert rows == [
        "alice@example.com  member   Admin, Billing",
        "bob@example.com    invited  Developer       expires in 1 day",
        "carol@example.com  expired  Developer       expired 2 days ago",
        "dave@example.com   invited  Developer       expires in 6 days",
    ]
    assert counts == "expired: 1, expires_soon: 1, invited: 2, member: 1"
    assert render("report.txt.j2", []).strip() == "Nobody has access."
