"""All rules of the service, in one scanner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from soban.safety.lexicon import lexicon_rules
from soban.safety.normalization import Folding
from soban.safety.rules.card import CardRule
from soban.safety.rules.email import EmailRule
from soban.safety.rules.phone import PhoneRule
from soban.safety.rules.placeholder import PlaceholderRule
from soban.safety.rules.registration_parts import RegistrationPartRule
from soban.safety.rules.rrn import RegistrationNumberRule
from soban.safety.scanner import Scanner
from soban.safety.wordlist import shipped_words


def build_scanner(today: Callable[[], date] = date.today) -> Scanner:
    """Compiles everything, which takes about a second. `today` bounds dates of birth."""
    return Scanner(
        [
            RegistrationNumberRule(today),
            RegistrationPartRule(),
            CardRule(),
            PhoneRule(),
            EmailRule(),
            PlaceholderRule(),
            *lexicon_rules(shipped_words()),
        ],
        Folding(),
    )
