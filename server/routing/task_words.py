"""Words that name a task and tell how demanding it is, in the languages that prompts often come in.

Data, and nothing else. A space before a word stands for the beginning of a word; the end is open, so that ` analy` is
found in `analyse` and `analysis`. Scripts without spaces have none. All are in lower case.
"""

from typing import Final

from msgspec import Struct


class Task(Struct, frozen=True):
    """A kind of task: the points of the first of its words that is found, of each further one, and their bound."""

    name: str
    first: int
    more: int
    most: int
    words: tuple[str, ...]


RIGOUR: Final = Task(
    "rigour",
    9,
    1,
    11,
    (
        *(
            " prove ",
            " proof",
            " proven",
            " provabl",
            " theorem",
            " lemma",
            " derive ",
            " formally",
            " formal proof",
            " formal arg",
            " rigorous",
        ),
        *(" first principles", " np-hard", " np-complete", " undecidab", " complexity class", " counterexample"),
        *(" lineariz", " consensus", " byzantine", " lock-free", " zero-knowledge", " cuda", " tla+", " formalis"),
        *(" threat model", " differential diagnosis", " incentive compatib", " counter-argument", " garbage collector"),
        *(" demuestra", " deriva ", " teorema", " demuéstr", " démontre", " théorème", " déduis", " rigoureu"),
        *(" beweise", " leite ", " satz von", " prove o ", " derive a", " dimostra", " demonstra"),
        *("证明", "推导", "定理", "严格", "証明", "定理", "導出", "厳密", " докажи", " теорем", " выведи", " доказат"),
    ),
)

_ANALYSIS: Final = Task(
    "analysis and construction",
    5,
    1,
    7,
    (
        *(" analy", " compar", " evaluat", " assess", " critical", " review", " diagnos", " trade-off", " strateg"),
        *(" implement", " design ", " refactor", " debug", " optimi", " architect", " migrat", " race condition"),
        *(" memory leak", " step by step", " write a program", " simulation", " interpreter", " algorithm", " scraper"),
        *(" schema", " component for", " financial model", " lesson plan", " detailed essay", " build a", " develop a"),
        *(
            " work out ",
            " estimate the ",
            " recommend",
            " assumption",
            " root cause",
            " propos",
            " justify",
            " concurren",
            " distributed",
            " fix the failing",
        ),
        *(
            " analiza",
            " compara ",
            " compare ",
            " evalúa",
            " implementa",
            " diseñ",
            " depura",
            " propón",
            " justifica",
            " paso a paso",
            " algoritmo",
        ),
        *(" conçois", " implément", " étape par étape", " algorithme", " évalue"),
        *(
            " vergleich",
            " analysier",
            " bewerte",
            " entwickle ein",
            " implementier",
            " entwirf",
            " schritt für schritt",
        ),
        *(" analise", " avalie", " analizza", " confronta", " arquitet"),
        *("分析", "比较", "方案", "实现", "设计", "调试", "線程", "比較", "設計", "デバッグ", "段階的", "評価"),
        *(" сравни", " оцени", " реализуй", " проанализ", " алгоритм"),
    ),
)

_WRITING: Final = Task(
    "explaining and writing",
    2,
    0,
    2,
    (
        *(
            " explain",
            " summar",
            " describ",
            " write ",
            " draft",
            " rewrite",
            " outline",
            " suggest",
            " difference between",
        ),
        *(
            " pros and cons",
            " how does",
            " how do i",
            " how do you make",
            " how do they",
            " how should",
            " recipe",
            " packing list",
            " create ",
            " convert this",
        ),
        *(" turn these", " what causes", " what are the", " list the", " book ", " plan ", " give an example"),
        *(
            " find me",
            " give me ",
            " help me ",
            " why d",
            " why is",
            " why are",
            " why was",
            " how can ",
            " ideas",
            " this paragraph",
            " the text above",
            " document above",
        ),
        *(
            " explica",
            " escribe",
            " escribir",
            " cómo ",
            " por qué",
            " resum",
            " describe ",
            " redact",
            " explique",
            " rédige",
            " décri",
            " pourquoi",
            " comment faire",
            " résum",
            " écris",
        ),
        *(
            " erklär",
            " warum",
            " schreib",
            " fasse ",
            " beschreib",
            " escreva",
            " explic",
            " spiega",
            " scrivi",
            " riassum",
        ),
        *(
            "解释",
            "写一",
            "怎么",
            "为什么",
            "建议",
            "紹介",
            "总结",
            "説明",
            "要約",
            "書いて",
            " объясни",
            " напиши",
            " опиши",
            " расскажи",
            " почему",
            "설명",
            "اشرح",
        ),
    ),
)

TASKS: Final = (RIGOUR, _ANALYSIS, _WRITING)
"""Every kind of task."""
