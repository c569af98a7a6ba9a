"""
Smoke, shock, swollen battery: read before anything else, in every state of a conversation.

Recall comes first: a needless warning costs a sentence, a missed one may cost a hand. What is
harmless on its face is taken out before the rules look ("smoke detector", "shocking price"),
and a rule that needs a context says so in its pattern.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class HazardKind(StrEnum):
    """What may hurt somebody. `wording/hazards.yml` has the approved text for each."""

    FIRE = "fire"  # smoke, flames, sparks, burning smell, melting
    SHOCK = "shock"
    GAS = "gas"
    BATTERY = "battery"
    INJURY = "injury"


@dataclass(frozen=True, slots=True)
class Hazard:
    """A danger that somebody wrote about, and the words that say so."""

    kind: HazardKind
    words: str  # as the customer wrote them, the first 80 characters


# Harmless uses, removed before the rules look.
_HARMLESS = re.compile(
    r"""
      \bsmok(?:e|ing)[\s-]?free\b | \bnon[\s-]?smok\w+ | \bsmok(?:e|er|ing)?'?s?[\s-](?:detector|alarm
      |sensor)s?\b(?!\s+(?:went|goes|is\s+going|started|rang))
    | \bsmok(?:e|ed|y)[\s-](?:grey|gray|glass|salmon|flavou?r|colou?r)\w*
    | \bshock(?:ing(?:ly)?|ed)\s+(?:by|at|to\s+(?:see|hear|find|learn|read)|how|that
      |price|bill|service|quality|cost|state|news|delay|expensive|bad|slow|rude|poor|waste)\w*
    | \b(?:price|sticker|culture|bill)\s+shock\b | \bin\s+shock\b | \bshock\s+(?:absorber|proof)\w*
    | \bfire\s?(?:wall|fox|stick|tv|place|works|man|men|fighter|alarm|extinguisher|door|sale)s?\b
    | \b(?:fire|fired|firing)\s+(?:up|off|away|your|the\s+(?:staff|agent|person|courier|technician))\b
    | \b(?:got|get|been|was|were)\s+fired\b | \bunder\s+fire\b | \bno\s+smoke\s+without\s+fire\b
    | \bburn(?:s|ing|t)?\s+(?:question|issue|desire|calories|money|cash|a\s+hole\s+in\s+my\s+(?:wallet|pocket))\b
    | \b(?:tast\w+|flavou?r\w*)\s+(?:\w+\s+){0,2}smok[ey]y?\b
    | \bburn(?:t|ed)\s+(?:out\s+at\s+work|toast|taste|flavou?r|coffee)\b
    | \b(?:gas|petrol)\s+(?:station|bill|prices?|hob|stove|oven|cooker|company)\b
    | \b(?:it\s+)?hurts?\s+(?:my\s+(?:wallet|feelings|eyes)|to\s+(?:pay|spend))\b
    | \bspark(?:ling)\b | \bsparks?\s+(?:joy|plugs?)\b | \bflam(?:ing|e)\s+(?:joke|war)s?\b
    | \bflame[\s-](?:red|orange|retardant|proof|colou?r\w*)\b | \bexplo\w+\s+(?:with|of)\s+(?:flavou?r|taste|colou?r)\w*
    | \btouch[\s-]?(?:screen|panel|pad|display|control|button|key)s?\b
    | \b(?:barbe[cq]ue|bbq|camp\s?fire|bonfire|cigarette|tobacco)\s+smoke\b
    | \bsmoke\s+(?:smell\s+)?(?:from|after)\s+(?:the\s+|a\s+|our\s+)?(?:barbe[cq]ue|bbq|camp\s?fire|bonfire|cigarettes?)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)

# A denial that stands right before the danger: "no smoke", "it isn't smoking".
_DENIED = re.compile(
    r"""\b(?:no|not|without|isn'?t|aren'?t|wasn'?t|doesn'?t|didn'?t|never|nothing|none|nobody|neither|nor)
        (?:\s+(?:any|a|one|body|is|was|are|were|badly|seriously|it|the|saw|seen|had|have|been|there|really|even|visible|smell(?:s|ed|ing)?
        |of|get|got|see|an?y?\s?more|on|or|sparks?|flames?|smoke|fire|burning)){0,4}\s*$""",
    re.IGNORECASE | re.VERBOSE,
)

# A denial in the middle: "the plug is not hot", "the battery isn't swollen".
_DENIED_WITHIN = re.compile(
    r"\b(?:not|\w+n't|(?:is|are|was|does|did|has)nt)\s+"
    r"(?:(?:very|really|too|so|even|getting|smell(?:ing)?\s+(?:of|like))\s+)?[\w-]+\W*$",
    re.IGNORECASE,
)
_LIKE_THIS = re.compile(r"\s+like\s+(?:this|that)\b", re.IGNORECASE)
DENIAL_REACH = 80  # characters before a danger in which it can be denied

_RULES: tuple[tuple[HazardKind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE | re.VERBOSE))
    for kind, pattern in (
        (
            HazardKind.SHOCK,
            r"""\b(?:electr\w*|elecric\w*|eletric\w*)[\s-]+(?:shock|shok)\w*
            | \b(?:got|get|getting|gave|gives|giving|had|felt|feel|receive[ds]?)\b[^.?!]{0,30}\b(?:shock|shok|zap|jolt)(?:s|ed)?\b
            | \b(?:shock|zap|electrocut|jolt)(?:s|ed|ing)?\s+(?:me|him|her|us|my|by\s+(?:the|it|my))\b
            | \belectrocut\w* | \b(?:was|were|been|got|get|getting)\s+(?:shocked|zapped)\b
            | \b(?:tingl\w+|buzz\w*|prickl\w+|current)\b[^.?!]{0,40}\b(?:touch\w*|metal|housing|casing|fingers?|hand|tap)\b
            | \b(?:touch\w*)\b[^.?!]{0,40}\b(?:tingl\w+|zap\w*|shock\w*|buzz\w*|prickl\w+|current)\b
            | \b(?:live|exposed|bare|frayed)\s+(?:wire|cable|cord)s?\b
            | \b(?:wire|wiring|cable|cord|lead|insulation)s?\b[^.?!,]{0,20}\b(?:frayed|exposed|bare)\b
            | \b(?:casing|housing|case|body|metal|machine|door|surface|tap)\s+(?:is|was|seems|feels)\s+live\b
            | \bwater\b[^.?!]{0,40}\b(?:socket|plug|outlet|power\s*strip|extension\s+lead|electrics)\b""",
        ),
        (
            HazardKind.GAS,
            r"""\bsmell\w*\s+(?:of\s+|like\s+)?(?:a\s+)?gas\b | \bgas\s+(?:smell|leak|escap)\w*
            | \bleak\w*\s+gas\b | \b(?:gas|refrigerant)\s+(?:(?:is|was|are)\s+|seems\s+to\s+be\s+)?(?:leak|escap)\w* | \bcarbon\s+monoxide\b
            | \brotten\s+eggs?\b[^.?!]{0,30}\bgas\b""",
        ),
        (
            HazardKind.BATTERY,
            r"""\bbat+e?r+(?:y|ies?)\b[^.?!]{0,40}\b(?:swol+e?n|(?:very|really|extremely|so|too|burning)\s+hot|swell\w*|bulg\w*|bloat\w*|leak\w*|hiss\w*|explod\w*|burst\w*|puffed|puffy|hot\s+to\s+touch|overheat\w*|melt\w*|burn\w*|fire)\b
            | \b(?:swol+e?n|bulging|bloated|leaking|burst|exploded|burning|puffed)\s+(?:up\s+)?bat+e?r+(?:y|ies?)\b""",
        ),
        (
            HazardKind.FIRE,
            r"""\bsmok(?:e|es|ed|ing|ey|y)?\b | \bsmokeing\b | \bsmoek\b | \bfumes\b | \b(?:caught|set)\s+(?:\w+\s+)?alight\b | \b(?:on|caught|catch(?:es|ing)?|started?\s+a|small|a)\s+fire\b
            | \bfire\s+(?:in|inside|came|coming|from|at|under|behind)\b | \bfire\s*!+ | (?:^|[.!?:,])\W{0,3}(?:help\W{1,3})?(?:there(?:'s|\s+is)\s+(?:a\s+)?)?fire\s{0,3}(?:[.!?,]|$)
            | \bflam(?:e|es|ing)\b | \bspark(?:s|ed|ing)\b | \bspark\s+(?:from|when|came|at|in)\b
            | \b(?:burn(?:ing|t|ed)?|scorch\w*|singed?|melt\w*|plasticky?|electrical|electric)[\s-]+(?:\w+[\s-]+){0,2}(?:smell|odou?r|stench|stink)\w*
            | \b(?:smell|smel|odou?r|stench|stink|stinks|reek)\w*\b[^.?!,]{0,30}\b(?:burn\w*|scorch\w*|singed|melt\w*|smok\w*|fire|hot\s+plastic)\b
            | \b(?:plug|socket|cable|cord|wire|wiring|plastic|housing|machine|dishwasher|washer|adapter|charger|motor|it|(?:some)?thing|back|door|panel)\b[^.?!,]{0,25}\b(?:is|are|was|has|have|started|starts|had|keeps?|just)?\s*(?:melt(?:s|ed|ing)?|scorched|charred|singed|burning|buring|bruning|burnt|burned|burst\s+into|exploded|blew\s+up)\b
            | \b(?:scorch|burn|black)\s+marks?\b[^.?!]{0,25}\b(?:plug|socket|outlet|cable|cord|wire|back)s?\b
            | \b(?:melt(?:ed|ing)|scorched|charred)\s+(?:plug|socket|cable|plastic|wire|cord|housing)\b
            | \b(?:it|machine|dishwasher|washer|kettle|toaster|oven|appliance|scooter|charger|glass|door)\b[^.?!]{0,20}\bexplo(?:ded|des|sion)\b
            | \b(?:plug|socket|cable|cord|adapter)\b[^.?!]{0,25}\b(?:very|too|really|extremely|so|red|burning|boiling)?\s*hot\b""",
        ),
        (
            HazardKind.INJURY,
            r"""\b(?:burn(?:t|ed)|scald(?:ed)?|cut|hurt|injur\w+|crush\w*|trapped|pinch\w*|jammed|bleed\w*|slice[ds]?)\b[^.?!]{0,25}\b(?:my|his|her|our|their|the)\s+(?:\w+\s+)?(?:hand|finger|arm|foot|feet|leg|face|eye|skin|thumb|wrist|toe|head|son|daughter|child|kid|baby|wife|husband|mother|father|mum|mom|dad|cat|dog)s?\b
            | \b(?:my|his|her|our|the)\s+(?:\w+\s+)?(?:hand|finger|arm|foot|leg|face|eye|skin|thumb|wrist|son|daughter|child|kid|baby|wife|husband|mother|father|mum|mom|dad)s?\b[^.?!]{0,30}\b(?:burn(?:t|ed|s)|scald\w*|bleed\w*|injur\w*|stuck|trapped|hurt|crushed|cut\s+(?:open|on|by|badly))\b
            | \b(?:i|we|he|she)\s*(?:'ve|\s+have|\s+has|\s+got|\s+was|\s+were|'m|\s+am|\s+is)?\s+(?:been\s+|badly\s+|really\s+)?(?:injured|bleeding|scalded|hurt\s+(?:myself|himself|herself)|burn(?:t|ed)\s+(?:myself|himself|herself))\b
            | \b(?:went|go|goes|going|gone|taken|took|drove|rushed|brought|admitted|ended\s+up)\b[^.?!]{0,25}\bhospital\b
            | \b(?:swallow|swallowed|ate|eaten|drank|drunk|licked)\b[^.?!]{0,25}\b(?:detergent|tablets?|tabs?|pods?|capsules?|descaler|rinse\s+aid|cleaner|powder|bleach|salt)\b
            | \b(?:detergent|descaler|rinse\s+aid|cleaner|powder|bleach|steam|water)\b[^.?!]{0,20}\bin(?:to)?\s+(?:my|his|her|our|their|the)\s+(?:\w+\s+)?(?:eye|mouth)s?\b
            | \b(?:got|been|was|were|is|are)\s+(?:badly\s+|seriously\s+)?injured\b
            | \b(?:ambulance|a\s*&\s*e|emergency\s+room|first[\s-]degree|second[\s-]degree|third[\s-]degree)\b
            | \binjur(?:y|ies)\b | \bbleeding\b""",
        ),
    )
)


def find_hazard(text: str) -> Hazard | None:
    """The first danger that a customer's text speaks of, or None.

    Args:
        text: What the customer wrote, as it came.
    """
    readable = text.replace("’", "'")
    harmless = _HARMLESS.sub(lambda match: " " * len(match.group()), readable)
    for kind, pattern in _RULES:
        for match in pattern.finditer(harmless):
            before = harmless[max(0, match.start() - DENIAL_REACH) : match.start()]
            # "I have never seen smoke like this" denies nothing.
            denied = _DENIED.search(before) and not _LIKE_THIS.match(harmless, match.end())
            if not denied and not _DENIED_WITHIN.search(match.group()):
                return Hazard(kind, match.group().strip()[:80])
    return None
