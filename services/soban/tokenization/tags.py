"""The tags of morphemes: the Sejong set as Kiwi extends it, without suffixes for regularity."""

from __future__ import annotations

from collections.abc import Iterable

_ALL = """
NNG NNP NNB NR NP VV VA VX VCP VCN MM MAG MAJ IC
JKS JKC JKG JKO JKB JKV JKQ JX JC EP EF EC ETN ETM XPN XSN XSV XSA XSM XR
SF SP SS SSO SSC SE SO SW SB SL SH SN UN
W_URL W_EMAIL W_HASHTAG W_MENTION W_SERIAL W_EMOJI Z_CODA Z_SIOT USER0 USER1 USER2 USER3 USER4
"""
TAGS = frozenset(_ALL.split())
"""bab2min.github.io/kiwipiepy, "품사 태그". SS, as tags go, is the quotes and brackets that neither open nor close."""


def matching(heads: Iterable[str]) -> frozenset[str]:
    """The tags that begin with one of `heads`: "N" stands for every noun, "VV" for itself."""
    starts = tuple(heads)
    return frozenset(tag for tag in TAGS if tag.startswith(starts))


def chosen(include: Iterable[str], exclude: Iterable[str]) -> frozenset[str]:
    """The tags that stay. Without `include` all do but the excluded ones."""
    wanted = tuple(include)
    return (matching(wanted) if wanted else TAGS) - matching(exclude)
