import pytest
from acme_scaffolder.templating import slug
from acme_scaffolder.tickets import create_ticket

from backstage_py.plugin import ForeignError
from backstage_py.testing import ActionRunner, FakeBackstage, Reply


def test_a_ticket_is_opened_as_the_user(action_runner: ActionRunner, fake_backstage: FakeBackstage) -> None:
    fake_backstage.on("POST", "/api/tickets", Reply({"number": 7, "url": "https://tickets.acme.example/7"}, 201))
    result = action_runner(create_ticket, {"title": "New service"})
    assert result.outputs == {"number": 7, "url": "https://tickets.acme.example/7"}
    assert result.log.lines == ["Opened ticket 7"]
    sent = fake_backstage.requests[0]
    marker = action_runner.effects["ticket"]["marker"]
    assert sent.json == {"title": "New service", "priority": "low", "origin": marker}
    assert sent.token == "token-of-the-test"  # noqa: S105  # of the kit


def test_a_step_that_runs_again_opens_no_second_one(action_runner: ActionRunner, fake_backstage: FakeBackstage) -> None:
    fake_backstage.on("POST", "/api/tickets", Reply({"number": 7, "url": "https://tickets.acme.example/7"}, 201))
    for _ in range(2):
        action_runner(create_ticket, {"title": "New service"})
    assert len(fake_backstage.requests) == 1


def test_a_ticket_whose_answer_got_lost_is_found(action_runner: ActionRunner, fake_backstage: FakeBackstage) -> None:
    """The example's action tries again by itself."""
    ticket = {"number": 7, "url": "https://tickets.acme.example/7"}
    fake_backstage.on("POST", "/api/tickets", Reply(ticket, 201, lost=True))
    fake_backstage.on("GET", "/api/tickets", Reply([ticket]))
    assert action_runner(create_ticket, {"title": "New service"}).outputs == ticket
    assert [request.method for request in fake_backstage.requests] == ["POST", "GET"]
    assert fake_backstage.requests[1].query == {"origin": action_runner.effects["ticket"]["marker"]}


def test_a_busy_plugin_is_asked_again(action_runner: ActionRunner, fake_backstage: FakeBackstage) -> None:
    created = Reply({"number": 7, "url": "https://tickets.acme.example/7"}, 201)
    fake_backstage.on("POST", "/api/tickets", Reply({"error": {"message": "later"}}, 503), created)
    fake_backstage.on("GET", "/api/tickets", Reply([]))
    assert action_runner(create_ticket, {"title": "New service"}).outputs["number"] == 7  # noqa: PLR2004  # as told


def test_a_refusal_is_told(action_runner: ActionRunner, fake_backstage: FakeBackstage) -> None:
    fake_backstage.on("POST", "/api/tickets", Reply({"error": {"name": "NotAllowedError", "message": "not you"}}, 403))
    with pytest.raises(ForeignError, match="was answered with 403: not you"):
        action_runner(create_ticket, {"title": "New service"})


def test_the_filter() -> None:
    assert slug("The  Shop!") == "the-shop"
    assert slug("The Shop", "_") == "the_shop"
