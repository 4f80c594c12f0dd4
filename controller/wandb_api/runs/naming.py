"""Draws what people call a run that nobody named: an adjective, a noun, and which run of its
project it is. The same run always gets the same words. Pure. Neighbour: buckets.py."""

from __future__ import annotations

import hashlib

_ADJECTIVES = tuple(
    str.split(
        """
        amber autumn bold breezy bright brisk calm chilly clear clever cosmic crisp curious
        dapper dusty eager early earnest easy fancy fearless fine fluent fond fresh gentle glad
        golden graceful grand happy hardy hazy honest humble icy jolly keen kind late light
        lively lucid lunar mellow mild misty modest neat noble pale patient polar proud quick
        quiet rapid rosy rural sandy silent silver simple sleek smooth snowy solar solid spring
        steady stellar still summer sunny swift tidal tidy tranquil trusty upbeat velvet vivid
        warm wild winter wise witty
    """
    )
)
_NOUNS = tuple(
    str.split(
        """
        anchor arrow aspen badger bay beacon birch bloom bridge brook canyon cedar cliff cloud
        comet coral cove crane creek dawn delta dew dove dune dusk eagle ember falcon fern field
        finch fjord flame forest fox garden glacier glade grove harbor hawk heath heron hill
        island ivy juniper lagoon lake lantern lark leaf lily lynx maple marsh meadow mesa moon
        moss mountain oak ocean orchid otter owl pebble pine planet pond prairie puffin rain
        raven reef ridge river robin sail shore sky snow spruce star stone stream summit sun
        swan thicket tide trail valley wave willow wind wolf wren
    """
    )
)


def draw_name(run: str, number: int) -> str:
    """Args:
    run: names the run among all.
    number: which run of its project it is, from 1.
    """
    drawn = int.from_bytes(hashlib.sha256(run.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    rest, adjective = divmod(drawn, len(_ADJECTIVES))
    return f"{_ADJECTIVES[adjective]}-{_NOUNS[rest % len(_NOUNS)]}-{number}"
