"""Prints the model catalogue: the data of genai-prices as lines of tab-separated facts.

    python model_catalogue.py --date 2026-11-23

Prices that change by date are those of the given day. The columns: vendor, name, name to show
(empty: the name), context window, flags (c chat, e embedding, p prompt cache, v vision, r reasoning,
d deprecated, t the price depends on the time, ~ the price is no whole number of micro-dollars),
rates, names of other spellings.

Rates are `input/output/cache read/cache write/request` in micro-dollars (per million tokens, and
per request), `-` where there is none; tiers follow as `>tokens:rates`. Other spellings are
`=whole`, `^start`, `$end` and `*part`, between `|`.
"""

import argparse
import datetime
from decimal import ROUND_HALF_UP, Decimal
from importlib.metadata import version

from genai_prices import types
from genai_prices.data import providers

KEYS = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "requests_kcount")


def in_force(model, day):
    """The prices of the day, and whether they depend on the time of day."""
    if isinstance(model.prices, types.ModelPrice):
        return model.prices, False
    by_hour = any(isinstance(each.constraint, types.TimeOfDateConstraint) for each in model.prices)
    if by_hour:
        # The dearest, so that a budget holds at any hour.
        dearest = max(model.prices, key=lambda each: base(each.prices.input_mtok) or Decimal(0))
        return dearest.prices, True
    noon = datetime.datetime.combine(day, datetime.time(12), datetime.UTC)
    return model.get_prices(noon), False


def base(price):
    return price.base if isinstance(price, types.TieredPrices) else price


def price_at(price, start):
    """The price of the tier that begins at `start`, or of the one below."""
    if not isinstance(price, types.TieredPrices):
        return price
    found = price.base
    for tier in sorted(price.tiers, key=lambda tier: tier.start):
        if start is not None and tier.start <= start:
            found = tier.price
    return found


def micros(key, price):
    """Micro-dollars, and whether they are exact."""
    if price is None:
        return "-", True
    exact = price * (1000 if key == "requests_kcount" else 1_000_000)
    whole = exact.to_integral_value(ROUND_HALF_UP)
    return str(whole), whole == exact


def rates(prices):
    """The column, and whether it is exact. Empty where nothing of it is in tokens or requests."""
    found = {key: getattr(prices, key) for key in KEYS}
    if all(price is None for price in found.values()):
        return "", True
    tiered = [price for price in found.values() if isinstance(price, types.TieredPrices)]
    starts = sorted({tier.start for price in tiered for tier in price.tiers})
    parts, exact = [], True
    for start in [None, *starts]:
        columns = [micros(key, price_at(price, start)) for key, price in found.items()]
        exact = exact and all(each for _, each in columns)
        prefix = "" if start is None else f">{start}:"
        parts.append(prefix + "/".join(text for text, _ in columns))
    return " ".join(parts), exact


def spellings(clause):
    """What a name may be; conditions that need more than one clause or an expression are left out:
    most are dates, which lookup strips."""
    match clause:
        case types.ClauseOr(or_=clauses):
            return [each for clause in clauses for each in spellings(clause)]
        case types.ClauseAnd(and_=clauses):
            return spellings(clauses[0])
        case types.ClauseEquals(equals=text):
            return [f"={text.lower()}"]
        case types.ClauseStartsWith(starts_with=text):
            return [f"^{text.lower()}"]
        case types.ClauseEndsWith(ends_with=text):
            return [f"${text.lower()}"]
        case types.ClauseContains(contains=text):
            return [f"*{text.lower()}"]
    return []


def flags(model, prices, by_hour, exact):
    is_embedding = "embed" in model.id.lower() and not base(prices.output_mtok)
    # What is priced by tokens in and out talks, but for those that speak, listen or draw.
    listens = any(word in model.id.lower() for word in ("tts", "transcribe", "whisper"))
    speaks = prices.output_audio_mtok is not None or listens
    talks = prices.input_mtok is not None and prices.output_mtok is not None and not is_embedding
    return "".join(
        letter
        for letter, holds in (
            ("c", talks and not speaks and prices.output_image_mtok is None),
            ("e", is_embedding),
            ("p", prices.cache_read_mtok is not None),
            ("v", talks and prices.input_image_mtok is not None),
            ("r", prices.output_reasoning_mtok is not None),
            ("d", bool(model.deprecated)),
            ("t", by_hour),
            ("~", not exact),
        )
        if holds
    )


def clean(text):
    return " ".join((text or "").split())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--date", type=datetime.date.fromisoformat, required=True)
    day = parser.parse_args().date
    print(f"# genai-prices {version('genai-prices')} of {day}: generated, see `cargo xtask gen --help`")
    print("# MIT License, Copyright (c) Pydantic Services Inc. 2025 to present")
    lines = []
    for provider in providers:
        for model in provider.models:
            prices, by_hour = in_force(model, day)
            column, exact = rates(prices)
            own = f"={model.id.lower()}"
            others = [each for each in dict.fromkeys(spellings(model.match)) if each != own]
            shown = clean(model.name)
            fields = [
                provider.id,
                clean(model.id),
                "" if shown == model.id else shown,
                str(model.context_window or ""),
                flags(model, prices, by_hour, exact),
                column,
                "|".join(others),
            ]
            lines.append("\t".join(fields).rstrip("\t"))
    # Of the key, as Rust compares.
    lines.sort(key=lambda line: ":".join(line.split("\t")[:2]).encode())
    print("\n".join(lines))


main()
