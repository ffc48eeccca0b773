# Copyright: Contributors to the clickhouse.cloud collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reports hold what they are to hold, whatever is in the organization."""

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
from ansible_collections.clickhouse.cloud.plugins.filter.access_cell import access_cell
from ansible_collections.clickhouse.cloud.plugins.filter.access_report import access_report

ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).resolve().parents[3] / "roles/access/templates"),
    trim_blocks=True,
    undefined=jinja2.StrictUndefined,
)
ENVIRONMENT.filters.update({"to_nice_json": filters.to_nice_json, "clickhouse.cloud.access_cell": access_cell})

NOW = "2026-11-26T12:00:00Z"
ORGANIZATION = "00000000-0000-4000-8000-00000000c10d"


def person(email, state="member", **others):
    return {
        "email": email,
        "state": state,
        "name": None,
        "roles": ["Developer"],
        "assigned_roles": [{"role_id": "d0", "role_name": "Developer", "role_type": "system"}],
        "since": "2026-11-20T12:00:00.000Z",
        "until": None if state == "member" else "2026-11-27T12:00:00.000Z",
        "expires_soon": False,
        "other_access": [],
        **others,
    }


ADMIN = {"role_id": "a0", "role_name": "Admin", "role_type": "system"}
BILLING = {"role_id": "b0", "role_name": "Billing", "role_type": "system"}
OTHER = {"kind": "member", "id": "2", "roles": ["Admin", "Billing"], "assigned_roles": [ADMIN, BILLING]}
PEOPLE = (
    person("alice@example.com", name="Alice Example", roles=["Admin", "Billing"], assigned_roles=[ADMIN, BILLING]),
    person("bob@example.com", "invited", expires_soon=True),
    person("carol@example.com", "expired", until="2026-11-24T12:00:00.000Z"),
    person("dave@example.com", "invited", until="2026-12-02T12:00:00.000Z"),
)


KEYS = (
    {
        "name": "Terraform",
        "state": "enabled",
        "key_suffix": "a1B2",
        "assigned_roles": [ADMIN],
        "role_names": ["Admin"],
        "created_at": "2026-01-12T12:00:00.000Z",
        "used_at": "2026-11-26T11:00:00.000Z",
        "expire_at": None,
        "expired": False,
        "ip_access_list": [{"source": "192.0.2.0/24", "description": "CI"}],
    },
)


def report_of(people=PEOPLE, changes=None, **others):
    return access_report(list(people), changes, now=NOW, organization_id=ORGANIZATION, **others)


def render(template, people=PEOPLE, changes=None, title="", **others):
    """Render a template as the entry point report does, compared with a list if there are changes."""
    report = report_of(people, changes, **others)
    return ENVIRONMENT.get_template(template).render(__access_report=report, clickhouse_cloud_report_title=title)


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


def test_page_shows_what_differs_first_and_then_everybody_by_state():
    changes = [{"email": "erin@example.com", "action": "created"}, {"email": "bob@example.com", "action": "deleted"}]
    entries = [{"email": "alice@example.com", "comment": "founder"}]
    page = Page(render("report.html.j2", changes=changes, entries=entries, api_keys=KEYS))
    says = page.says()
    assert (
        f"Organization {ORGANIZATION}, as of 2026-11-26, 12:00 UTC, compared with the access list of 1 person" in says
    )
    assert "2 differ from the list 1 member 1 administrator 2 invited 1 invitation expires soon" in says
    headings = [
        "Differs from the list (2)",
        "Members (1)",
        "Invited, not joined yet (2)",
        "Invitation expired (1)",
        "On the list, nothing yet (1)",
        "API keys (1)",
        "Not in this report:",
    ]
    places = [says.index(heading) for heading in headings]
    assert places == sorted(places)
    assert "bob @example.com invited Developer 2026-11-20 2026-11-27 expires soon, in 1 day not on the list" in says
    assert "alice @example.com Alice Example Administrator Admin Billing 2026-11-20 founder" in says
    assert "carol @example.com Developer 2026-11-20 2026-11-24 expired 2 days ago" in says
    assert "dave @example.com Developer 2026-11-20 2026-12-02 expires in 6 days" in says
    assert "Terraform ends with a1B2 Administrator Admin 2026-01-12 2026-11-26 never expires" in says
    # The counts lead to what they count.
    assert page.loads[:2] == ["#differs", "#member"]


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
    role = {"role_id": hostile, "role_name": hostile, "role_type": hostile}
    texts = {"name": hostile, "roles": [hostile], "assigned_roles": [role], "since": hostile, "until": hostile}
    person_ = person(hostile, "invited", **texts)
    key = dict.fromkeys(("name", "state", "key_suffix", "created_at", "used_at", "expire_at"), hostile)
    keys = [{**key, "assigned_roles": [role], "role_names": [hostile], "expired": False, "ip_access_list": []}]
    changes = [{"email": hostile, "action": "replaced", "invitation": {"role": hostile}}]
    page = Page(
        render(
            "report.html.j2",
            [person_],
            changes,
            hostile,
            api_keys=keys,
            plan_error=hostile,
            keys_error=hostile,
            revision=hostile,
        )
    )
    assert [link for link in page.loads if not link.startswith("#")] == []
    assert not {"script", "link", "img"}.intersection(page.tags)
    # The counts at the top are the only bold text.
    assert page.tags.count("b") == 7


def test_page_marks_who_is_excluded_without_alarm():
    text = render("report.html.j2", changes=[], exclude=["bob@example.com"])
    assert '<span class="quiet">excluded from purge, not on the list</span>' in text


def test_page_title_can_be_chosen():
    assert "<title>Access to ClickHouse Cloud</title>" in render("report.html.j2")
    assert "<h1>Müller &amp; Co</h1>" in render("report.html.j2", title="Müller & Co")


@pytest.mark.parametrize("template", ["report.html.j2", "report.md.j2", "report.txt.j2"])
def test_report_says_what_it_does_not_show(template):
    assert "Not compared with the access list" in render(template, plan_error="No administrator.", keys_error="403.")


# --- the other formats ------------------------------------------------------------------------------------------------


def test_csv_has_a_row_for_each_person_and_key():
    text = render(
        "report.csv.j2", changes=[], entries=[{"email": "bob@example.com", "comment": "OPS-12"}], api_keys=KEYS
    )
    assert text[0] == "\ufeff"
    alice, bob, dave, carol, key = csv.DictReader(io.StringIO(text[1:]))
    assert alice == {
        "email": "alice@example.com",
        "name": "Alice Example",
        "state": "member",
        "roles": "Admin, Billing",
        "since": "2026-11-20T12:00:00.000Z",
        "until": "",
        "expires_soon": "no",
        "remarks": "",
        "comment": "",
        "administrator": "yes",
        "differs": "",
        "listed_roles": "",
        "role_ids": "a0, b0",
        "last_used": "",
        "kind": "person",
        "organization_id": ORGANIZATION,
        "list": "the access list of 1 person",
        "made_at": NOW,
    }
    assert [row["email"] for row in (bob, dave, carol)] == ["bob@example.com", "dave@example.com", "carol@example.com"]
    assert (bob["comment"], bob["expires_soon"], bob["remarks"]) == ("OPS-12", "yes", "expires in 1 day")
    assert (key["kind"], key["name"], key["last_used"]) == ("api_key", "Terraform (…a1B2)", "2026-11-26T11:00:00.000Z")


def test_json_is_the_report_as_published():
    assert json.loads(render("report.json.j2", api_keys=KEYS)) == report_of(api_keys=KEYS)


def test_markdown_names_organization_time_and_list():
    text = render("report.md.j2", changes=[], api_keys=KEYS)
    assert (
        f"Organization {ORGANIZATION}, as of 2026-11-26, 12:00 UTC, compared with the access list of 0 people." in text
    )
    assert "| `alice@example.com` | Alice Example | member, administrator | Admin, Billing | 2026-11-20 |" in text
    assert "| Terraform, administrator | a1B2 | Admin | 2026-01-12 | 2026-11-26 |  | never expires |" in text


@pytest.mark.parametrize("template", ["report.csv.j2", "report.md.j2", "report.txt.j2"])
def test_remarks_are_told_apart_from_the_roles_in_them(template):
    text = render(template, [person("alice@example.com", other_access=[OTHER])], [], exclude=["alice@example.com"])
    assert "second account: Admin, Billing; excluded from purge" in text


def test_long_address_does_not_stretch_the_lines_of_others():
    long, short, _counts = render("report.txt.j2", [person("a" * 90), person("bob@example.com")]).split("\n", 2)
    assert (len(long), len(short)) == (90 + 19, 40 + 19)


def test_table_is_aligned_and_ends_with_counts():
    *rows, counts = render("report.txt.j2", api_keys=KEYS).strip("\n").splitlines()
    assert rows == [
        "alice@example.com          member, admin   Admin, Billing",
        "bob@example.com            invited         Developer       expires in 1 day",
        "dave@example.com           invited         Developer       expires in 6 days",
        "carol@example.com          expired         Developer       expired 2 days ago",
        "API key Terraform (…a1B2)  enabled, admin  Admin           never expires",
    ]
    assert counts == (
        "1 member (1 administrator); 2 invited; 1 invitation about to expire; 1 expired invitation; 1 API key."
    )
