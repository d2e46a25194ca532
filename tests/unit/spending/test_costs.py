"""Prices: known, unknown, local and the user's own; and never a question to the network."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest

from core.events import Usage
from core.settings import PriceSettings
from core.spending.costs import CallPrice, Cost, Ledger, Prices, Spent
from tests.support.repository import ROOT

OPENAI = "https://api.openai.com/v1"
USAGE = Usage(1000, 100)
LOCAL, UNKNOWN = CallPrice("local"), CallPrice("unknown")

OFFLINE = """
import sys
from core.events import Usage
from core.spending.costs import _open_list

assert "genai_prices" not in sys.modules
sys.addaudithook(lambda event, _: event.startswith("socket.") and print("NETWORK", event))
print(_open_list()("https://api.openai.com/v1", "gpt-4o", Usage(1000, 100)))
"""


def priced(usd: str) -> CallPrice:
    return CallPrice("priced", Decimal(usd))


@pytest.mark.parametrize(
    ("base_url", "model", "price"),
    [
        (OPENAI, "gpt-4o", priced("0.0035")),
        ("https://api.groq.com/openai/v1", "llama-3.3-70b-versatile", priced("0.000669")),
        (OPENAI, "no-such-model", UNKNOWN),
        ("https://llm.example/v1", "gpt-4o", UNKNOWN),  # nobody knows what this one asks for it
        ("http://10.0.0.5:8000/v1", "gpt-4o", UNKNOWN),
        ("http://127.0.0.1:8080/v1", "gpt-4o", LOCAL),
        ("http://[::1]:8080/v1", "smollm2", LOCAL),
        ("http://localhost:11434/v1", "llama3", LOCAL),
        ("https://llm.example/v1", "house-model", priced("0.0021")),
        ("http://127.0.0.1:8080/v1", "house-model", priced("0.0021")),
    ],
)
async def test_a_call_has_the_price_that_is_known_of_its_model_and_server(
    base_url: str, model: str, price: CallPrice
) -> None:
    prices = Prices({"house-model": PriceSettings(input=1.5, output=6)})
    await prices.load_for(base_url, model)

    assert prices.price(base_url, model, USAGE) == price


async def test_prices_of_the_user_are_exact() -> None:
    prices = Prices({"m": PriceSettings(input=0.1, output=0.2)})

    assert prices.price(OPENAI, "m", Usage(1, 1)) == priced("0.0000003")
    assert prices.price(OPENAI, "m", Usage(3_000_000, 0)) == priced("0.3")


async def test_the_list_is_read_only_when_a_price_depends_on_it() -> None:
    prices = Prices({"mine": PriceSettings(input=1, output=1)})

    await prices.load_for("http://127.0.0.1:8080/v1", "gpt-4o")
    await prices.load_for(OPENAI, "mine")
    assert prices.price(OPENAI, "gpt-4o", USAGE) == UNKNOWN

    await prices.load_for(OPENAI, "gpt-4o")
    assert prices.price(OPENAI, "gpt-4o", USAGE) == priced("0.0035")


def test_looking_a_price_up_touches_no_network_and_imports_nothing_before() -> None:
    done = subprocess.run([sys.executable, "-c", OFFLINE], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("0.0035\n", "")


def cost(usd: str, **counts: Any) -> Cost:
    return Cost(Decimal(usd), **counts)


@pytest.mark.parametrize(
    ("total", "words"),
    [
        (Cost(), "-"),
        (cost("0", unknown_calls=2), "-"),
        (cost("0", local_calls=2), "local"),
        (cost("0", local_calls=1, unknown_calls=1), "-"),
        (cost("0.0035", priced_calls=1), "$0.0035"),
        (cost("0.00002", priced_calls=1), "<$0.0001"),
        (cost("0", priced_calls=1), "$0.00"),
        (cost("12.346", priced_calls=9, local_calls=3), "$12.35"),
        (cost("1.2", priced_calls=9, unknown_calls=1), "at least $1.20"),
        (Cost(Decimal("0.02"), priced_calls=1, is_estimated=True), "about $0.0200"),
    ],
)
def test_a_cost_is_shown_as_what_is_known_of_it(total: Cost, words: str) -> None:
    assert total.words() == words


def test_the_ledger_adds_up_for_agents_runs_and_the_session() -> None:
    ledger = Ledger()
    first, second = Spent(10, cost("0.5", priced_calls=1)), Spent(20, cost("0", unknown_calls=1))
    ledger.begin_run("one")
    ledger.add("one", "developer", first)
    ledger.add("one", "qa_engineer", second)
    ledger.add("", "developer", first)  # asked outside of the run
    assert ledger.run == Spent(30, cost("0.5", priced_calls=1, unknown_calls=1))
    assert (ledger.agent("developer"), ledger.agent("qa_engineer"), ledger.agent("nobody")) == (
        first + first,
        second,
        Spent(),
    )

    ledger.begin_run("two")
    ledger.add("one", "developer", second)  # ends late
    ledger.add("two", "developer", first)

    assert (ledger.run, ledger.agent("developer")) == (first, first)
    assert ledger.session == Spent(70, cost("1.5", priced_calls=3, unknown_calls=2))
