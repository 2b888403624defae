"""What the dashboard shows, in a real browser, of made-up fleets."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from autoscaler.http.stream import Limits
from autoscaler.model import DrainWorker, PauseFleets
from browser import scenes
from browser.conftest import TOKEN
from browser.scenes import HOSTILE, NOW, SCENES, MadeHistory
from browser.steps import live, runs, unlock

PHONE = {"viewport": {"width": 360, "height": 740}}


# --- what it shows ---


def test_a_fleet_at_a_glance(visit):
    page = live(visit(scenes.one())[0])
    card = page.get_by_role("article", name="emails")
    assert card.locator("dl").inner_text().split("\n") == [
        *["Waiting", "172", "Running", "10", "Expected wait", "14 s", "Workers"],
        *["8", "→ 9", "9 wanted, min 1, max 12"],
    ]
    expect(card).to_contain_text("6 running (1 idle), 2 starting, 1 to come")
    expect(card.locator(".blocks .block")).to_have_count(12)
    expect(card).to_contain_text("max_scale_up: at most 4 within 15 s, so not 11")
    expect(card).to_contain_text("emails, newsletters · 4 tasks at once each")
    expect(page.locator("#sources")).to_contain_text("✓ supervisord up")
    expect(page.get_by_role("region", name="Singletons").get_by_role("row")).to_have_count(2)
    expect(page).to_have_title("autoscaler – shop1")


def test_its_decisions_and_its_workers_are_in_tables(visit):
    page = live(visit(scenes.one())[0])
    decisions = page.get_by_role("region", name="emails: decisions").get_by_role("row")
    expect(decisions).to_have_count(8)
    told = ["16:42:45", "6 → 9", "172", "24"]
    assert re.sub("14:", "16:", decisions.nth(1).inner_text()).split("\t")[:4] == told
    workers = page.get_by_role("region", name="emails: workers").get_by_role("row")
    expect(workers).to_have_count(9)
    assert workers.nth(1).inner_text().split("\t")[:6] == [
        *["emails-01", "running", "37 s", "4001", "shop.tasks.send ×2 (longest 14 s)", "1"]
    ]


def test_many_fleets_have_a_line_each_above_their_cards(visit):
    page = live(visit(scenes.twelve())[0])
    lines = page.get_by_role("region", name="All fleets").get_by_role("row")
    expect(lines).to_have_count(13)
    expect(lines.nth(3)).to_contain_text("paused")
    expect(page.get_by_role("article")).to_have_count(12)
    lines.nth(3).get_by_role("link", name="reports").click()
    expect(page.get_by_role("article", name="reports")).to_be_in_viewport()


def test_every_scene_fits_a_phone(visit):
    page, stand = visit(scenes.one(), PHONE)
    live(page)
    decisions, workers = page.locator(".fleet details").all()
    assert (decisions.get_attribute("open"), workers.get_attribute("open")) == (None, ""), "not out of sight"
    for name, scene in SCENES.items():
        stand.tick(scene())
        fleets = stand.snapshot.tick.fleets if stand.snapshot.tick else ()
        expect(page.get_by_role("article")).to_have_count(len(fleets))
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name


def test_text_is_never_read_as_html(visit):
    page, stand = visit(scenes.hostile())
    unlock(live(page))
    page.get_by_role("button", name="Resume").click()
    page.keyboard.press("Escape")
    stand.refusal = HOSTILE
    page.get_by_role("button", name="Drain emails-01").click()
    page.get_by_role("dialog").get_by_role("button", name="Drain").click()
    expect(page.get_by_role("dialog")).to_contain_text("<script>window.stolen = 1</script>")
    assert page.evaluate("window.stolen") is None
    assert page.locator("img").count() == 1, "the page's own"
    assert page.locator("body script").count() == 0
    expect(page.locator("#problem-list")).to_contain_text("<img src=x onerror=")


def test_what_is_wrong_stands_on_top_in_the_words_of_status(visit):
    page = live(visit(scenes.broken())[0])
    lines = page.locator("#problem-list li").all_inner_texts()
    assert lines[0].startswith(
        "config not used, the last good one stays in use: /etc/autoscaler/autoscaler.yaml:14:"
    )
    assert lines[1].startswith("unknown: supervisord: unix:///run/supervisor.sock: there is no such socket")
    expect(page.locator("#sources")).to_contain_text(
        "✗ queues down: queue emails: amqp://localhost: connection refused"
    )
    expect(page).to_have_title("(6!) autoscaler – shop1")


def test_what_is_not_known_is_no_number(visit):
    page = live(visit(scenes.broken())[0])
    card = page.get_by_role("article", name="emails")
    assert card.locator(".value:visible").all_inner_texts()[:4] == ["?", "?", "?", "?"]
    expect(card).to_contain_text("workers unknown")
    expect(card).to_contain_text("Nothing could be decided.")


def test_without_fleets_it_says_where_to_write_them(visit):
    expect(visit(scenes.empty())[0].locator("#empty")).to_contain_text(
        "write them under fleets: in /etc/autoscaler/"
    )
    expect(visit(scenes.unborn())[0].locator("#empty")).to_have_text("The daemon has not ticked yet.")


# --- the last hour ---


def test_where_nothing_was_known_the_chart_has_gaps(visit, eventually):
    page = live(visit(scenes.one())[0])
    # Ten minutes were not kept at all; in three others demand was not known.
    eventually(lambda: runs(page, "workers") == 2, what="the last hour is drawn")
    assert (runs(page, "waiting"), runs(page, "wait")) == (3, 3)


def test_the_chart_is_read_with_the_mouse_and_with_keys(visit, eventually):
    page = live(visit(scenes.one())[0])
    eventually(lambda: runs(page, "workers") == 2, what="the last hour is drawn")
    readout, slider = (
        page.locator(".readout"),
        page.get_by_role("slider", name="emails: values of the last hour"),
    )
    page.locator(".plot").hover(position={"x": 100, "y": 40})
    expect(readout).to_contain_text(
        re.compile(r"^\d\d:\d\d:\d\d: .* waiting, .* running; \d workers?, \d+ wanted; wait ")
    )
    page.mouse.move(0, 0)
    expect(readout).to_have_text(" ")
    page.locator("summary").first.focus()
    page.keyboard.press("Shift+Tab")
    expect(slider).to_be_focused()
    expect(readout).to_contain_text("14:43:00: 172 waiting")
    page.keyboard.press("ArrowLeft")
    expect(readout).to_contain_text("14:42:50: ")
    assert slider.get_attribute("aria-valuetext") == readout.inner_text()


def test_a_record_that_cannot_be_read_is_told(visit):
    page = live(visit(scenes.one(), history=MadeHistory(broken=True))[0])
    expect(page.locator(".readout")).to_contain_text("autoscaler.db cannot be read: disk I/O error")


# --- time goes on ---


def test_it_follows_the_ticks_without_being_loaded_again(visit):
    page, stand = visit(scenes.one())
    live(page).evaluate("window.same = true")
    stand.tick(scenes.snapshot(scenes.tick(scenes.fleet(waiting=7), scenes.fleet("reports"))))
    expect(page.get_by_role("article", name="emails").locator(".value").first).to_have_text("7")
    expect(page.get_by_role("article", name="reports")).to_be_visible()
    stand.tick(scenes.snapshot(scenes.tick(scenes.fleet("reports"))))
    expect(page.get_by_role("article")).to_have_count(1)
    assert page.evaluate("window.same")


def test_a_daemon_that_has_gone_is_told_and_so_is_its_return(visit, eventually):
    page, stand = visit(scenes.one())
    live(page).evaluate("window.same = true")
    stand.stop()
    expect(page.locator("#alert")).to_contain_text(
        "The daemon has not answered since 14:43:00. What is below was so then"
    )
    expect(page.locator("#pulse")).to_have_text("No answer since 14:43:00")
    assert page.evaluate("document.documentElement.hasAttribute('data-old')")
    stand.start()
    live(page)
    expect(page.locator("#alert")).to_have_text("")
    assert not page.evaluate("document.documentElement.hasAttribute('data-old')")
    assert page.evaluate("window.same")
    eventually(lambda: stand.history.asked == ["emails", "emails"], what="reading what was missed")


def test_a_loop_that_hangs_is_told_apart_from_a_daemon_that_has_gone(visit):
    page, stand = visit(scenes.one(), now=NOW + 60)
    expect(page.locator("#pulse")).to_have_text("No tick since 14:43:00")
    expect(page.locator("#alert")).to_contain_text("its loop has not ticked since 14:43:00")
    stand.now = NOW
    stand.tick()
    live(page)


def test_where_too_many_follow_it_says_so_and_waits(visit):
    page, stand = visit(scenes.one(), limits=Limits(clients=0))
    expect(page.locator("#alert")).to_contain_text("0 clients follow already, no more may")
    stand.stop()
    stand.limits = Limits()
    stand.start()
    live(page)


# --- orders ---


def test_without_the_token_nothing_can_be_ordered(visit):
    page, stand = visit(scenes.one())
    live(page)
    assert page.locator("main").get_by_role("button", name=re.compile("Pause|Scale|Drain")).count() == 0
    post = "{method: 'POST', headers: {'X-Autoscaler': '1'}}"
    path = "/api/v1/fleets/emails/pause"
    assert page.evaluate(f"fetch('{path}', {post}).then((answer) => answer.status)") == 401
    unlock(page, "a wrong one")
    expect(page.get_by_role("dialog")).to_contain_text("This is not the token.")
    assert page.evaluate("Object.keys(sessionStorage)") == []
    assert stand.ordered == []


def test_a_pause_is_confirmed_ordered_and_its_outcome_told(visit):
    page, stand = visit(scenes.one())
    unlock(live(page))
    expect(page.locator("#access")).to_contain_text("token ci")
    page.get_by_role("button", name="Pause").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("For").select_option("30m")
    dialog.get_by_label("Why").fill("broker maintenance")
    expect(dialog).to_contain_text("emails stays at 9 workers until 15:13, whatever waits.")
    assert stand.ordered == [], "nothing is ordered before it is confirmed"
    dialog.get_by_role("button", name="Pause emails").click()
    expect(page.locator("#outcome")).to_contain_text("emails is paused")
    (order,) = stand.ordered
    assert isinstance(order, PauseFleets)
    assert (order.fleets, order.who) == (("emails",), "token ci")
    assert (order.terms.lasts, order.terms.reason) == (1800.0, "broker maintenance")


def test_a_size_and_a_drain_are_ordered_alike(visit):
    page, stand = visit(scenes.one())
    unlock(live(page))
    page.get_by_role("button", name="Scale").click()
    page.get_by_label("Workers, 1 to 12").fill("5")
    expect(page.get_by_role("dialog")).to_contain_text("3 workers are drained: they finish what they have.")
    page.get_by_role("button", name="Scale emails").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Drain emails-02").click()
    page.get_by_role("dialog").get_by_role("button", name="Drain emails-02").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    size, drain = stand.ordered
    assert (size.workers, size.terms.lasts) == (5, None)
    assert isinstance(drain, DrainWorker)
    assert drain.worker == "emails-02"


def test_an_order_that_is_refused_says_why(visit):
    page, _ = visit(scenes.one(), refusal="emails is stopped: start it first")
    unlock(live(page))
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Pause emails").click()
    expect(page.get_by_role("dialog")).to_contain_text("It was not done: emails is stopped: start it first")


def test_an_order_whose_answer_is_lost_is_not_said_to_be_undone(visit):
    page, _ = visit(scenes.one())
    unlock(live(page))
    page.route("**/pause", lambda route: route.abort())
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Pause emails").click()
    expect(page.get_by_role("dialog").locator(".problem")).to_have_text(
        "It was not confirmed: the daemon does not answer"
    )


def test_the_token_is_forgotten_with_the_lock_and_with_the_tab(visit):
    page, _ = visit(scenes.one())
    unlock(live(page))
    page.get_by_role("button", name="Lock", exact=True).click()
    expect(page.get_by_role("button", name="Unlock changes")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    assert page.evaluate("sessionStorage.length + localStorage.length + document.cookie.length") == 0


def test_a_token_that_is_taken_back_is_forgotten(visit):
    page, stand = visit(scenes.one())
    unlock(live(page))
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    stand.tokens = {"ci": "fedcba9876543210"}
    stand.tick(config_read_at=NOW)
    expect(page.get_by_role("button", name="Unlock changes")).to_be_visible()
    live(page)
    assert page.evaluate("sessionStorage.length") == 0


def test_without_a_token_in_the_config_the_page_is_for_reading(visit):
    page = live(visit(scenes.one(), tokens={})[0])
    expect(page.locator("#access")).to_have_text("Read only")


def test_off_loopback_the_page_asks_for_the_token_before_it_shows_anything(visit):
    page, _ = visit(scenes.one(), listen="0.0.0.0:8085")
    expect(page.get_by_role("heading", name="The token, please")).to_be_visible()
    assert page.get_by_role("article").count() == 0
    assert page.evaluate("fetch('/api/v1/fleets').then((answer) => answer.status)") == 401
    page.get_by_role("textbox", name="Token").fill(TOKEN)
    page.get_by_role("button", name="Unlock").click()
    expect(live(page).get_by_role("article", name="emails")).to_be_visible()
    expect(page.get_by_role("heading", name="The token, please")).to_be_hidden()
    page.reload()
    live(page)


def test_off_loopback_the_lock_leaves_nothing_in_the_form(visit):
    page, _ = visit(scenes.one(), listen="0.0.0.0:8085")
    page.get_by_role("textbox", name="Token").fill(TOKEN)
    page.get_by_role("button", name="Unlock").click()
    live(page).get_by_role("button", name="Lock", exact=True).click()
    expect(page.get_by_role("textbox", name="Token")).to_have_value("")


def test_while_the_values_are_old_nothing_can_be_ordered(visit):
    page, stand = visit(scenes.one())
    unlock(live(page))
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    stand.stop()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    stand.start()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_who_comes_back_with_the_token_need_not_wait_for_a_tick(visit):
    page, _ = visit(scenes.one())
    unlock(live(page))
    expect(page.get_by_role("button", name="Pause")).to_be_visible()

    def _slowly(route):
        expect(page.get_by_role("article", name="emails")).to_be_visible()
        route.continue_()

    page.route("**/api/v1/access", _slowly)
    page.reload()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_an_order_that_was_begun_waits_while_the_values_are_old(visit):
    page, stand = visit(scenes.one())
    unlock(live(page))
    page.get_by_role("button", name="Pause").click()
    stand.now = NOW + 60
    stand.tick()
    expect(page.locator("#pulse[data-state=stale]")).to_be_visible()
    page.get_by_role("button", name="Pause emails").click()
    expect(page.get_by_role("dialog")).to_contain_text("It was not done: what the page shows is old")
    assert stand.ordered == []
    stand.now = NOW
    stand.tick()
    live(page)
    page.get_by_role("button", name="Pause emails").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert len(stand.ordered) == 1
