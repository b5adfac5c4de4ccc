"""What the content API promises beyond the recorded requests."""

from __future__ import annotations

import itertools
import json
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import jwt
import psycopg
import pytest
from PIL import Image

from support.api import ENVIRONMENT, SECRETS, recorded_settings, serving

FULL = {"Authorization": f"Bearer {SECRETS['apiToken']}"}


def _rows(response: httpx.Response) -> list[Any]:
    assert response.status_code == 200, response.text
    return list(response.json()["data"])


def _refusal(response: httpx.Response) -> str:
    assert response.status_code == 400, response.text
    return str(response.json()["error"]["message"])


def _login(api: httpx.Client, number: int = 0) -> dict[str, str]:
    body = {"identifier": f"user{number}@example.com", "password": f"Passw0rd!{number}"}
    response = api.post("/api/auth/local", json=body)
    assert response.status_code == 200, response.text
    return {"Authorization": f"Bearer {response.json()['jwt']}"}


# What nobody can mean


_DEEP = "[" * 5_000 + "]" * 5_000
_RECORD = {"title": "abcd", "flag": True}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("data", _DEEP, "Invalid value: JSON is nested too deeply"),
        ("text", _DEEP, "Invalid value: JSON is nested too deeply"),
        ("data", {"a": "x\0y"}, "data must not hold NUL characters"),
        ("data", '{"a": "\\u0000"}', "data must not hold NUL characters"),
        ("data", "x\0y", "data must not hold NUL characters"),
        ("data", '{"a": "\\ud800"}', "Invalid value: it is not valid Unicode"),
    ],
)
def test_json_that_cannot_be_stored_is_refused(
    specimens_api: httpx.Client, name: str, value: Any, message: str
) -> None:
    body = {"data": {**_RECORD, name: value}}
    assert _refusal(specimens_api.post("/api/records", json=body, headers=FULL)) == message


def test_what_is_said_of_a_number_beyond_all_bounds_is_json(specimens_api: httpx.Client) -> None:
    headers = {**FULL, "Content-Type": "application/json"}
    response = specimens_api.post("/api/records", content='{"data":{"title":1e999}}', headers=headers)
    assert response.status_code == 400

    def refuse(word: str) -> None:
        raise AssertionError(word)

    error = json.loads(response.text, parse_constant=refuse)["error"]["details"]["errors"][0]
    assert (error["path"], error["value"]) == (["title"], None)


@pytest.mark.parametrize("sent", [_DEEP, '{"caption": "\\ud800"}', '{"caption": NaN}'])
def test_facts_of_a_file_that_are_none_are_refused(specimens_api: httpx.Client, sent: str) -> None:
    file = {"files": ("a.txt", b"hello", "text/plain")}
    response = specimens_api.post("/api/upload", files=file, data={"fileInfo": sent}, headers=FULL)
    assert _refusal(response).startswith("Invalid ")


# Filters


@pytest.mark.parametrize(
    ("filters", "where"),
    [
        ("filters[name][$startsWith]=n", "name LIKE 'n%'"),
        ("filters[name][$startsWithi]=N", "lower(name) LIKE 'n%'"),
        ("filters[name][$endsWith]=1", "name LIKE '%1'"),
        ("filters[name][$notContains]=1", "name NOT LIKE '%1%'"),
        ("filters[name][$notContainsi]=PLAIN", "name NOT ILIKE '%plain%'"),
        ("filters[name][$eqi]=PLAIN%20%230", "lower(name) = 'plain #0'"),
        ("filters[agentState][$ne]=idle", "agent_state <> 'idle'"),
        (
            "filters[agentState][$notIn][0]=idle&filters[agentState][$notIn][1]=failed",
            "agent_state = 'running'",
        ),
        ("filters[agentState][$null]=false", "agent_state IS NOT NULL"),
        ("filters[priority][$gt]=0.5", "priority > 0.5"),
        ("filters[bigCounter][$lt]=0", "big_counter < 0"),
        ("filters[weight][$eq]=0.1", "weight = 0.1"),
        ("filters[seenAt][$lt]=1970-01-01T00:00:00.000Z", "seen_at < '1970-01-01'"),
        ("filters[birthday][$gte]=2000-01-01", "birthday >= '2000-01-01'"),
        ("filters[$not][name][$contains]=1", "NOT (name LIKE '%1%')"),
        ("filters[isActive]=true&filters[priority][$notNull]=1", "is_active AND priority IS NOT NULL"),
        (
            "filters[$and][0][priority][$gte]=0&filters[$and][1][priority][$lte]=42",
            "priority BETWEEN 0 AND 42",
        ),
        (
            "filters[skills][name][$eq]=skill-27",
            "id IN (SELECT l.agent_id FROM agents_skills_lnk l JOIN skills s ON s.id = l.skill_id"
            " WHERE s.name = 'skill-27')",
        ),
        ("filters[skills][id][$null]=true", "id NOT IN (SELECT agent_id FROM agents_skills_lnk)"),
        (
            "filters[modelConfig][maxTokens][$gt]=0",
            "id IN (SELECT c.entity_id FROM agents_cmps c"
            " JOIN components_agent_model_configs m ON m.id = c.cmp_id"
            " WHERE c.field = 'modelConfig' AND m.max_tokens > 0)",
        ),
        (
            "filters[gallery][ext]=.png",
            "id IN (SELECT related_id FROM files_related_mph WHERE related_type = 'api::agent.agent'"
            " AND field = 'gallery')",
        ),
        (
            "filters[sessions][messages][role]=tool",
            "id IN (SELECT a.agent_id FROM chat_sessions_agent_lnk a JOIN chat_messages_session_lnk s"
            " ON s.chat_session_id = a.chat_session_id JOIN chat_messages m ON m.id = s.chat_message_id"
            " WHERE m.role = 'tool')",
        ),
    ],
)
def test_a_filter_finds_what_sql_finds(
    reading_api: httpx.Client, reading_database: str, filters: str, where: str
) -> None:
    found = _rows(reading_api.get(f"/api/agents?fields=name&sort=id&pagination[pageSize]=100&{filters}"))
    with psycopg.connect(reading_database) as connection:
        query = f"SELECT id FROM agents WHERE published_at IS NOT NULL AND ({where}) ORDER BY id"
        expected = [row[0] for row in connection.execute(query.encode())]
    assert [row["id"] for row in found] == expected


@pytest.mark.parametrize(
    "query",
    [
        "filters[secret][$startsWith]=a",
        "filters[$or][0][secret][$notNull]=true",
        "filters[tasks][agent][secret][$contains]=x",
        "sort=secret",
        "sort=parent.secret",
        "sort[parent][secret]=asc",
        "fields=secret",
        "populate[parent][filters][secret][$contains]=a",
        "populate[parent][fields]=secret",
        "populate[parent][sort]=secret",
        "populate[parent][populate][children][filters][secret]=1",
        "filters[owner][password][$startsWith]=a",
        "filters[owner][resetPasswordToken][$notNull]=1",
        "filters[createdBy][email]=a",
        "sort=createdBy.password",
        "populate=createdBy",
        "filters[locale]=en",
        "filters[gallery][folderPath]=a",
    ],
)
def test_what_may_not_be_read_may_not_be_asked_about(reading_api: httpx.Client, query: str) -> None:
    assert _refusal(reading_api.get(f"/api/agents?{query}", headers=FULL)).startswith("Invalid key ")


def test_the_public_may_not_filter_by_what_it_may_not_find(reading_api: httpx.Client) -> None:
    assert _refusal(reading_api.get("/api/agents?filters[owner][username]=a")) == "Invalid key owner"
    assert "owner" not in _rows(reading_api.get("/api/agents?populate=owner&pagination[pageSize]=1"))[0]
    assert "owner" in _rows(reading_api.get("/api/agents?populate=owner", headers=FULL))[0]


def test_too_much_is_refused(reading_api: httpx.Client) -> None:
    many = "&".join(f"filters[$or][{number}][name]=x" for number in range(90))
    many += "&" + "&".join(f"filters[$and][{number}][name]=x" for number in range(90))
    assert _refusal(reading_api.get(f"/api/agents?{many}")).startswith("Too many filters")
    deep = "populate=" + ".".join(["parent"] * 11)
    assert "too deeply" in _refusal(reading_api.get(f"/api/agents?{deep}"))


@pytest.mark.parametrize("number", ["1_000", "٣", "Infinity", "nan", "0x", "1e4000"])
def test_a_filter_takes_numbers_as_javascript_writes_them(reading_api: httpx.Client, number: str) -> None:
    response = reading_api.get("/api/agents", params={"filters[priority][$eq]": number})
    assert _refusal(response) == f"Expected a valid Number, got {number}"


def test_a_key_of_many_digits_is_no_place_in_a_list(reading_api: httpx.Client) -> None:
    response = reading_api.get(f"/api/agents?filters[name][$in][{'1' * 5_000}]=a")
    assert _rows(response) == []


# Pages, sort, populate


def test_pages_by_offset_and_without_count(reading_api: httpx.Client) -> None:
    first = reading_api.get("/api/tasks?sort=id&fields=title&pagination[start]=10&pagination[limit]=5").json()
    assert first["meta"]["pagination"] == {"start": 10, "limit": 5, "total": 149}
    assert [row["id"] for row in first["data"]] == [12, 13, 14, 15, 16]
    uncounted = reading_api.get("/api/tasks?pagination[withCount]=false").json()
    assert "total" not in uncounted["meta"]["pagination"]
    mixed = reading_api.get("/api/tasks?pagination[page]=1&pagination[limit]=5")
    assert mixed.json()["error"]["name"] == "PaginationError"


def test_sort_through_a_relation(reading_api: httpx.Client) -> None:
    rows = _rows(
        reading_api.get(
            "/api/tasks?sort=agent.name:desc,id&fields=title&populate[agent][fields]=name"
            "&filters[agent][id][$notNull]=true&pagination[pageSize]=100"
        )
    )
    assert rows
    with_agent = [row["agent"]["id"] for row in rows if row["agent"]]
    # The same agent's tasks stand together: the list is ordered by what belongs to the agent.
    assert len({*with_agent}) == 1 + sum(1 for one, two in itertools.pairwise(with_agent) if one != two)


def test_populate_with_its_own_filters_sort_fields_and_count(reading_api: httpx.Client) -> None:
    rows = _rows(
        reading_api.get(
            "/api/chat-sessions?sort=id&pagination[pageSize]=60&fields=title&populate[messages][fields]=role"
            "&populate[messages][sort]=id:desc&populate[messages][filters][role]=user"
        )
    )
    counted = _rows(
        reading_api.get("/api/chat-sessions?sort=id&pagination[pageSize]=60&populate[messages][count]=true")
    )
    assert sum(row["messages"]["count"] for row in counted) > sum(len(row["messages"]) for row in rows) > 0
    for row in rows:
        ids = [message["id"] for message in row["messages"]]
        assert ids == sorted(ids, reverse=True)
        assert {message["role"] for message in row["messages"]} <= {"user"}
        assert all(set(message) == {"id", "documentId", "role"} for message in row["messages"])


def test_a_dynamic_zone_by_fragments(reading_api: httpx.Client) -> None:
    rows = _rows(
        reading_api.get(
            "/api/agents?populate[sections][on][block.note][fields]=body&pagination[pageSize]=100"
        )
    )
    kinds = {section["__component"] for row in rows for section in row["sections"]}
    assert kinds == {"block.note"}
    assert "Invalid key" in _refusal(reading_api.get("/api/agents?populate[sections][on][no.such]=true"))


# Access


def test_a_custom_token_may_what_it_says_and_nothing_else(api: httpx.Client, strapi_database: str) -> None:
    import hashlib
    import hmac

    key = hmac.new(ENVIRONMENT["API_TOKEN_SALT"].encode(), b"mine", hashlib.sha512).hexdigest()
    headers = {"Authorization": "Bearer mine"}
    with psycopg.connect(strapi_database, autocommit=True) as connection:
        connection.execute(
            "UPDATE strapi_api_tokens SET access_key = %s, expires_at = NULL WHERE type = 'custom'", (key,)
        )
        document = _rows(api.get("/api/agents"))[0]["documentId"]
        assert api.get("/api/tasks", headers=headers).status_code == 200
        assert api.get(f"/api/agents/{document}", headers=headers).status_code == 200
        assert api.get("/api/agents", headers=headers).status_code == 403
        assert api.post("/api/tasks", headers=headers, json={"data": {"title": "t"}}).status_code == 403
        # Rights that are withdrawn are gone with the next request, tokens that have expired too.
        connection.execute("DELETE FROM strapi_api_token_permissions")
        assert api.get("/api/tasks", headers=headers).status_code == 403
        connection.execute("UPDATE strapi_api_tokens SET expires_at = '2000-01-01' WHERE type = 'custom'")
        assert api.get("/api/tasks", headers=headers).json()["error"]["message"] == "Token expired"


def test_the_public_role_is_read_anew_when_it_changes(api: httpx.Client, strapi_database: str) -> None:
    assert api.get("/api/tasks").status_code == 200
    with psycopg.connect(strapi_database, autocommit=True) as connection:
        connection.execute("DELETE FROM up_permissions WHERE action = 'api::task.task.find'")
        assert api.get("/api/tasks").status_code == 403
        connection.execute(
            "UPDATE up_permissions SET action = 'api::task.task.find' WHERE action = 'api::task.task.findOne'"
        )
        assert api.get("/api/tasks").status_code == 200


def test_an_answer_is_never_older_than_the_database(api: httpx.Client, strapi_database: str) -> None:
    with psycopg.connect(strapi_database, autocommit=True) as connection:
        for number in range(20):
            connection.execute("UPDATE tasks SET title = %s WHERE id = 1", (f"title {number}",))
            for _ in range(2):
                assert _rows(api.get("/api/tasks?filters[id]=1"))[0]["title"] == f"title {number}"


def test_a_login_is_hs256_unexpired_and_of_somebody_who_may_come_in(
    api: httpx.Client, strapi_database: str
) -> None:
    secret, now = ENVIRONMENT["JWT_SECRET"], int(time.time())
    good = {"id": 1, "iat": now, "exp": now + 60}
    tokens = {
        "unsigned": jwt.encode(good, "", algorithm="none"),
        "another algorithm": jwt.encode(good, secret, algorithm="HS512"),
        "another key": jwt.encode(good, "other", algorithm="HS256"),
        "expired": jwt.encode({**good, "exp": now - 60}, secret, algorithm="HS256"),
        "nobody": jwt.encode({**good, "id": 4711}, secret, algorithm="HS256"),
        "blocked": jwt.encode({**good, "id": 5}, secret, algorithm="HS256"),
    }
    statuses = {
        name: api.get("/api/users/me", headers={"Authorization": f"Bearer {token}"}).status_code
        for name, token in tokens.items()
    }
    assert statuses == dict.fromkeys(tokens, 401)
    mine = _login(api)
    assert api.get("/api/users/me", headers=mine).status_code == 200
    with psycopg.connect(strapi_database, autocommit=True) as connection:
        connection.execute("UPDATE up_users SET blocked = true WHERE id = 1")
    assert api.get("/api/users/me", headers=mine).status_code == 401


def test_guessing_passwords_is_slowed_down(api: httpx.Client) -> None:
    body = {"identifier": "user1@example.com", "password": "wrong"}
    statuses = [api.post("/api/auth/local", json=body).status_code for _ in range(12)]
    assert statuses == [400] * 10 + [429] * 2


def test_passwords_never_leave(api: httpx.Client) -> None:
    answers = [
        api.get("/api/users?populate=*", headers=FULL).text,
        api.get("/api/users/me?populate=*", headers=_login(api)).text,
        api.get("/api/agents?populate=*&pagination[pageSize]=100", headers=FULL).text,
    ]
    for text in answers:
        assert "$2a$" not in text
        assert "$2b$" not in text
        assert "assword" not in text
        assert '"secret"' not in text


# Writes


def _create(api: httpx.Client, path: str, data: dict[str, Any], query: str = "") -> dict[str, Any]:
    response = api.post(f"/api/{path}{query}", headers=FULL, json={"data": data})
    assert response.status_code == 201, response.text
    return dict(response.json()["data"])


def test_positions_of_relations(api: httpx.Client) -> None:
    a, b, c, d = (_create(api, "tasks", {"title": name})["documentId"] for name in "abcd")
    task = _create(api, "tasks", {"title": "t", "dependsOn": [a, b]})["documentId"]

    def change(value: Any) -> str:
        response = api.put(
            f"/api/tasks/{task}?populate[dependsOn][fields]=title",
            headers=FULL,
            json={"data": {"dependsOn": value}},
        )
        assert response.status_code == 200, response.text
        return "".join(one["title"] for one in response.json()["data"]["dependsOn"])

    assert change({"connect": [{"documentId": c, "position": {"before": b}}]}) == "acb"
    assert change({"connect": [{"documentId": d, "position": {"start": True}}]}) == "dacb"
    assert change({"connect": [{"documentId": d, "position": {"after": c}}]}) == "acdb"
    assert change({"disconnect": [c], "connect": [{"documentId": a, "position": {"end": True}}]}) == "dba"
    assert change({"set": [c, a]}) == "ca"
    assert change([]) == ""
    blocked = api.get(f"/api/tasks/{a}?populate=blocks", headers=FULL).json()["data"]["blocks"]
    assert blocked == []


def test_a_row_that_is_not_there_cannot_be_connected(api: httpx.Client) -> None:
    response = api.post(
        "/api/tasks", headers=FULL, json={"data": {"title": "t", "dependsOn": ["nosuchdocument"]}}
    )
    assert "not found" in _refusal(response)
    response = api.post("/api/tasks", headers=FULL, json={"data": {"title": "t", "agent": 99999}})
    assert "do not exist" in _refusal(response)


def test_components_are_kept_changed_and_removed_with_their_entry(
    api: httpx.Client, strapi_database: str
) -> None:
    def stored() -> int:
        with psycopg.connect(strapi_database) as connection:
            row = connection.execute("SELECT count(*) FROM components_task_executions").fetchone()
            assert row is not None
            return int(row[0])

    before = stored()
    task = _create(
        api, "tasks", {"title": "t", "executions": [{"exitCode": 1}, {"exitCode": 2}]}, "?populate=*"
    )
    assert stored() == before + 2
    first, second = task["executions"]
    url = f"/api/tasks/{task['documentId']}?populate=*"
    body = {"data": {"executions": [{"id": second["id"], "log": "kept"}, {"exitCode": 3}]}}
    changed = api.put(url, headers=FULL, json=body).json()["data"]["executions"]
    assert [one["exitCode"] for one in changed] == [2, 3]
    assert changed[0]["id"] == second["id"]
    assert changed[0]["log"] == "kept"
    assert stored() == before + 2
    response = api.put(url, headers=FULL, json={"data": {"executions": [{"id": first["id"]}]}})
    assert "not related to the entity" in _refusal(response)
    assert api.delete(url, headers=FULL).status_code == 204
    assert stored() == before


def test_publishing_carries_relations_over_and_keeps_those_of_others(api: httpx.Client) -> None:
    agent = _create(api, "agents", {"name": "a"})["documentId"]
    other = _create(api, "agents", {"name": "b", "peers": [agent], "parent": agent})["documentId"]
    server = _create(api, "mcp-servers", {"name": "s", "primaryAgent": agent})["documentId"]
    session = _create(api, "chat-sessions", {"title": "s", "agent": agent})["documentId"]
    assert api.put(f"/api/agents/{agent}", headers=FULL, json={"data": {"name": "a2"}}).status_code == 200
    for path, name in (
        (f"mcp-servers/{server}", "primaryAgent"),
        (f"chat-sessions/{session}", "agent"),
        (f"agents/{other}", "parent"),
    ):
        found = api.get(f"/api/{path}?populate={name}", headers=FULL).json()["data"][name]
        assert found["name"] == "a2", path
        assert found["publishedAt"] is not None
    peers = api.get(f"/api/agents/{other}?populate=peers", headers=FULL).json()["data"]["peers"]
    assert [one["name"] for one in peers] == ["a2"]
    draft = api.get(f"/api/agents/{other}?populate=parent&status=draft", headers=FULL).json()["data"][
        "parent"
    ]
    assert draft["publishedAt"] is None


def test_a_draft_changes_without_what_is_published(api: httpx.Client) -> None:
    agent = _create(api, "agents", {"name": "first"})["documentId"]
    url = f"/api/agents/{agent}"
    assert api.put(f"{url}?status=draft", headers=FULL, json={"data": {"name": "second"}}).status_code == 200
    assert api.get(url).json()["data"]["name"] == "first"
    assert api.get(f"{url}?status=draft").json()["data"]["name"] == "second"


def test_unique_values_and_required_ones(api: httpx.Client) -> None:
    assert _create(api, "skills", {"name": "once"})["name"] == "once"
    again = api.post("/api/skills", headers=FULL, json={"data": {"name": "once"}})
    assert _refusal(again) == "This attribute must be unique"
    assert again.json()["error"]["details"]["errors"][0]["path"] == ["name"]
    missing = api.post("/api/mcp-tools", headers=FULL, json={"data": {"description": "d"}})
    assert _refusal(missing) == "2 errors occurred"
    nested = api.post(
        "/api/agents",
        headers=FULL,
        json={"data": {"name": "n", "toolConfig": {"enabled": "maybe", "toolName": 5}}},
    )
    assert [error["path"] for error in nested.json()["error"]["details"]["errors"]] == [
        ["toolConfig", "toolName"],
        ["toolConfig", "enabled"],
    ]


def test_two_writers_do_not_make_the_same_unique_value_twice(api: httpx.Client, strapi_database: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def write(_: int) -> int:
        return api.post("/api/mcp-servers", headers=FULL, json={"data": {"name": "the one"}}).status_code

    with ThreadPoolExecutor(8) as workers:
        statuses = sorted(workers.map(write, range(8)))
    assert statuses == [201] + [400] * 7
    with psycopg.connect(strapi_database) as connection:
        row = connection.execute("SELECT count(*) FROM mcp_servers WHERE name = 'the one'").fetchone()
    assert row == (1,)


def test_locales_share_what_is_not_localized(api: httpx.Client) -> None:
    data = {"name": "shared", "displayName": "English", "version": 3, "trainingHistory": [{"note": "n"}]}
    skill = _create(api, "skills", data)["documentId"]
    url = f"/api/skills/{skill}"
    french = api.put(f"{url}?locale=fr&populate=*", headers=FULL, json={"data": {"displayName": "Français"}})
    assert french.status_code == 200, french.text
    found = french.json()["data"]
    assert (found["name"], found["version"], found["locale"]) == ("shared", 3, "fr")
    assert [one["note"] for one in found["trainingHistory"]] == ["n"]
    assert [one["locale"] for one in found["localizations"]] == ["en"]
    assert api.delete(f"{url}?locale=fr", headers=FULL).status_code == 204
    assert api.get(url).status_code == 200
    assert api.get(f"{url}?locale=fr").status_code == 404


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "x", "id": 1}, "Invalid key id"),
        ({"name": "x", "documentId": "a"}, "Invalid key documentId"),
        ({"name": "x", "createdAt": "2024-01-01"}, "Invalid key createdAt"),
        ({"name": "x", "toolConfig": {"toolName": "t", "nope": 1}}, "Invalid key nope at toolConfig"),
        ({"name": "x" * 256}, "name must be at most 255 characters"),
        ({"name": "x", "priority": 2**40}, "priority must be between -2147483648 and 2147483647"),
        ({"name": "x", "seenAt": "yesterday"}, "Invalid format, expected a timestamp or an ISO date"),
        ({"name": "x", "wakeAt": "25:00"}, "Invalid time format, expected HH:mm:ss.SSS"),
        ({"name": "x", "birthday": "2024-13-01"}, "Invalid format, expected yyyy-MM-dd"),
        (
            {"name": "x", "isActive": "perhaps"},
            'isActive must be a `boolean` type, but the final value was: `"perhaps"`.',
        ),
        ({"name": "x", "sections": [{"body": "b"}]}, "sections[0].__component is a required field"),
        ({"name": "a\0b"}, "name must not hold NUL characters"),
        ({"name": "x", "metaData": {"a": "\0"}}, "metaData must not hold NUL characters"),
    ],
)
def test_values_are_refused_in_words(api: httpx.Client, data: dict[str, Any], message: str) -> None:
    assert _refusal(api.post("/api/agents", headers=FULL, json={"data": data})) == message


def test_a_body_has_its_limit_and_its_form(api: httpx.Client) -> None:
    long = json.dumps({"data": {"title": "x" * 2_000_000}})
    headers = {**FULL, "Content-Type": "application/json"}
    assert api.post("/api/tasks", headers=headers, content=long).status_code == 413
    deep = '{"data":' + "[" * 5000 + "]" * 5000 + "}"
    assert api.post("/api/tasks", headers=headers, content=deep).status_code == 400
    surrogate = '{"data":{"title":"\\ud800"}}'
    assert api.post("/api/tasks", headers=headers, content=surrogate).status_code == 400


# Others in the database


def test_a_right_without_an_action_is_none_and_stops_nobody(api: httpx.Client, strapi_database: str) -> None:
    with psycopg.connect(strapi_database) as connection:
        connection.execute(
            "WITH p AS (INSERT INTO up_permissions (action) VALUES (NULL) RETURNING id)"
            " INSERT INTO up_permissions_role_lnk (permission_id, role_id)"
            " SELECT p.id, r.id FROM p, up_roles r"
        )
    assert api.get("/api/agents").status_code == 200


def test_a_statement_that_is_cancelled_is_told_as_such(
    api: httpx.Client, strapi_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = (
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with psycopg.connect(strapi_database) as holder, ThreadPoolExecutor() as others:
        holder.execute("LOCK TABLE tasks")
        asked = others.submit(api.get, "/api/tasks")
        with psycopg.connect(strapi_database, autocommit=True) as canceller:
            while not canceller.execute(waiting).fetchall():
                assert not asked.done()
        response = asked.result()
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json()["error"]["message"] == "The request took too long"
    assert "went away" not in caplog.text


# Files


def test_a_file_is_uploaded_attached_served_and_deleted(api: httpx.Client, tmp_path: Path) -> None:
    target = BytesIO()
    Image.new("L", (2, 3)).save(target, "GIF")
    gif = target.getvalue()
    agent = _rows(api.get("/api/agents?pagination[pageSize]=1"))[0]
    form = {
        "ref": "api::agent.agent",
        "refId": str(agent["id"]),
        "field": "avatar",
        "fileInfo": '{"caption": "c"}',
    }
    response = api.post(
        "/api/upload", headers=FULL, data=form, files={"files": ("My pic.GIF", gif, "image/gif")}
    )
    assert response.status_code == 201, response.text
    (file,) = response.json()
    assert (file["name"], file["ext"], file["mime"], file["caption"]) == (
        "My pic.GIF",
        ".GIF",
        "image/gif",
        "c",
    )
    assert (file["width"], file["height"]) == (2, 3)
    assert file["size"] == pytest.approx(len(gif) / 1000, abs=0.006)
    found = api.get(f"/api/agents/{agent['documentId']}?populate=avatar").json()["data"]["avatar"]
    assert found["id"] == file["id"]
    served = api.get(file["url"])
    assert served.content == gif
    assert served.headers["x-content-type-options"] == "nosniff"
    assert "max-age" in served.headers["cache-control"]
    assert api.get(file["url"], headers={"If-None-Match": served.headers["etag"]}).status_code == 304
    part = api.get(file["url"], headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, gif[:4])
    assert api.delete(f"/api/upload/files/{file['id']}", headers=FULL).status_code == 200
    assert api.get(file["url"]).status_code == 404
    assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize("name", ["page.html", "image.svg", "script.js", "none", "sheet.xml", "page.xhtml"])
def test_what_a_browser_would_carry_out_is_an_attachment(api: httpx.Client, name: str) -> None:
    files = {"files": (name, b"<script>alert(1)</script>", "text/html")}
    (file,) = api.post("/api/upload", headers=FULL, files=files).json()
    served = api.get(file["url"])
    assert served.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in served.headers["content-security-policy"]


def test_no_file_beside_the_uploads_is_served(api: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    for path in (
        "/uploads/../outside.txt",
        "/uploads/%2e%2e/outside.txt",
        "/uploads/..%2foutside.txt",
        "/uploads/%00",
    ):
        assert api.get(path).status_code == 404
    absent = api.get("/uploads/nothing.png").json()
    assert absent["error"] == {"status": 404, "name": "NotFoundError", "message": "Not Found", "details": {}}


def test_uploading_wants_a_right(api: httpx.Client) -> None:
    assert api.post("/api/upload", files={"files": ("a.txt", b"a")}).status_code == 403
    assert _refusal(api.post("/api/upload", headers=FULL, data={"fileInfo": "{}"})) != ""


# The rest


def test_pages_of_other_origins(strapi_database: str, tmp_path: Path) -> None:
    from dataclasses import replace

    settings = replace(recorded_settings(tmp_path), cors_origins=("https://front.example",))
    ask = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    with serving(strapi_database, settings) as client:
        allowed = client.options("/api/agents", headers={"Origin": "https://front.example", **ask})
        refused = client.options("/api/agents", headers={"Origin": "https://other.example", **ask})
        assert allowed.headers["access-control-allow-origin"] == "https://front.example"
        assert "access-control-allow-origin" not in refused.headers
        plain = client.get("/api/agents", headers={"Origin": "https://other.example"})
        assert "access-control-allow-origin" not in plain.headers


@pytest.mark.parametrize("path", ["/uploads/a.txt", "/uploads/no.txt", "/openapi.json", "/docs"])
def test_pages_of_other_origins_may_read_files_and_the_documentation(
    strapi_database: str, tmp_path: Path, path: str
) -> None:
    from dataclasses import replace

    (tmp_path / "a.txt").write_text("a")
    settings = replace(recorded_settings(tmp_path), cors_origins=("https://front.example",))
    front, other = {"Origin": "https://front.example"}, {"Origin": "https://other.example"}
    with serving(strapi_database, settings) as client:
        assert client.get(path, headers=front).headers["access-control-allow-origin"] == front["Origin"]
        assert "access-control-allow-origin" not in client.get(path, headers=other).headers
        ask = client.options(path, headers={**front, "Access-Control-Request-Method": "GET"})
    assert (ask.status_code, ask.headers["access-control-allow-origin"]) == (204, front["Origin"])


def test_a_decimal_that_is_no_number_is_null(api: httpx.Client, strapi_database: str) -> None:
    with psycopg.connect(strapi_database) as connection:
        connection.execute("UPDATE agents SET budget = 'NaN'")
    rows = _rows(api.get("/api/agents?fields=budget"))
    assert {row["budget"] for row in rows} == {None}


def test_the_documentation_names_every_type(reading_api: httpx.Client) -> None:
    document = reading_api.get("/openapi.json").json()
    page = reading_api.get("/docs")
    for name in ("agents", "skills", "mcp-servers", "tasks", "chat-sessions", "chat-messages", "mcp-tools"):
        assert f"/{name}" in document["paths"]
        assert f"/api/{name}" in page.text
    agent = document["components"]["schemas"]["Agent"]["properties"]
    assert "secret" not in agent
    of_drafts = {item["name"] for item in document["paths"]["/agents"]["get"]["parameters"]}
    of_others = {item["name"] for item in document["paths"]["/tasks"]["get"]["parameters"]}
    assert {"status", "hasPublishedVersion"} <= of_drafts
    assert not {"status", "hasPublishedVersion"} & of_others
    assert "http" not in page.headers["content-security-policy"]
