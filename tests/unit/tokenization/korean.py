"""Korean text to test with: real sentences, and strategies that mix what real text mixes."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

SENTENCES = (
    "어제 친구랑 서울에 있는 오래된 식당에서 김치찌개를 먹었습니다.",
    "했다. 도와줘서 고마워요! 이걸 어떻게 하지?",
    '그는 "집에 갔다"고 말했다.',
    "오늘 회의(3층 대회의실)는 오후 2시에 시작합니다.",
    "앜ㅋㅋㅋ 그게 뭐얔ㅋㅋ 먹었엌ㅋㅋ",
    "띄어쓰기를안하면이렇게길어지는데괜찮을까요",
    "ㅠㅠ 너무 슬퍼… 우리집에성 봤어욥",
    "가족 👨‍👩‍👧‍👦 여행 😀 다녀왔어요~",
    "iPhone 15를 1,200,000원에 샀는데 배송이 3~4일 걸린대요.",
    "문의: help@example.com, https://example.com/도움말 #소반 @soban",
    "첫째 줄\n둘째 줄입니다.\r\n셋째 줄",
    "漢字와 カタカナ, العربية 그리고 עברית",
    "ＡＢＣ 전각 문자와 ﾊﾝｸﾞﾙ",
    "나는 학교에 갈 거예요. 왜냐하면 시험이 있거든요.",
)

NFD = unicodedata.normalize("NFD", "한국어 형태소를 분석했습니다.")

_PIECES = st.one_of(
    st.sampled_from(SENTENCES),
    st.sampled_from(
        [NFD, "각", "\u1100\u1161\u11a8", "\uac00\u11a8", "\uac00\u0308", "e\u0301", "ㄱㅏ", "\u1100", "\u1161"]
    ),
    st.sampled_from(["\u0302", "\u0344", "\ufb01", "\ufb2c", "\u09c7\u09be", "q\u0307\u0323", "\u212b"]),
    st.sampled_from([" ", "\n", "\r\n", "\t", "\u2028", "\x00", "\x1c", "\ufeff", "\u200b", "\u3000", "\u00ad"]),
    st.sampled_from(["😀", "👨‍👩‍👧‍👦", "🇰🇷", "𝒜", "𐀀", "ㅋㅋㅋ", "???", "...", '"', "(", "가" * 30]),
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=8),
    st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), max_size=12),
)

texts = st.lists(_PIECES, max_size=6).map("".join)
"""Texts such as people and programs send them."""
