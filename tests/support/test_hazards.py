"""Every danger is heard, in whatever words; nobody is frightened without a reason."""

import time

import pytest

from support.hazards import HazardKind, find_hazard

DANGERS = {
    HazardKind.FIRE: (
        "Smoke is coming out of my dishwasher",
        "my washing machine is smoking",
        "there's smoke everywhere",
        "it started to smoke and I pulled the plug",
        "i see smok coming from the back",
        "smoek from the machine!!",
        "white smoke from the coffee machine",
        "the machine caught fire",
        "My dryer is on fire",
        "FIRE",
        "help there is a fire",
        "there were flames inside the drum",
        "flames came out of it",
        "sparks are flying from the socket",
        "it sparked when I switched it on",
        "I saw a spark when I plugged it in",
        "it smells like burning",
        "it smells burnt",
        "burning smell from the back",
        "there is a burnt smell in the kitchen",
        "a smell of burning plastic",
        "smells like melted plastic",
        "strong electrical smell",
        "it smels of burning rubber",
        "the plug is melted",
        "the socket has melted",
        "plug melting",
        "the cable is scorched",
        "the power cord gets really hot",
        "the plug is very hot to touch",
        "the machine blew up",
        "my coffee machine exploded",
        "The glass door exploded",
        "the motor is burning",
        "burn smell coming from washer",
        "it stinks of burnt rubber",
        "something is burning inside",
        "it is buring",
        "the smoke detector went off because of the machine",
        "scorch marks around the plug",
        "black marks on the plug and a smell of burning",
        "the washer caught alight",
        "it's gone up in flames",
        "there is a lot of smoke, not steam",
        "fumes are coming out of the back",
    ),
    HazardKind.SHOCK: (
        "I got an electric shock from the dishwasher",
        "got a shock when I touched the door",
        "it gave me a shock",
        "it shocked me",
        "I got zapped by the machine",
        "I was electrocuted",
        "elecric shock from the tap",
        "I feel a tingling when I touch the metal",
        "it tingles when i touch the housing",
        "the casing is live",
        "there is a bare wire sticking out",
        "the cable is frayed and I can see the wires",
        "exposed wires at the back",
        "water is dripping onto the socket",
        "water is running into the power strip",
        "my husband got a shock from it",
        "my hand buzzes when i touch the handle",
        "it gives electric shocks",
        "electrical shock",
        "I get a small shock every time",
    ),
    HazardKind.GAS: (
        "I smell gas",
        "it smells like gas in the kitchen",
        "smell of gas",
        "there is a gas leak",
        "gas is leaking",
        "the carbon monoxide alarm went off",
        "refrigerant is leaking",
        "I can smell gas",
    ),
    HazardKind.BATTERY: (
        "the battery is swollen",
        "battery is bulging",
        "swollen battery",
        "the battery is leaking",
        "my battery has puffed up",
        "the battery gets extremely hot",
        "the battery is hissing",
        "battry is swolen",
        "battery exploded",
        "the batteries burst",
    ),
    HazardKind.INJURY: (
        "my mother had to be taken to hospital",
        "I burned my hand on the steam",
        "I burnt my fingers",
        "my son cut his finger on it",
        "my daughter's finger is trapped in the door",
        "i cut my hand on the edge of the door",
        "my child is hurt",
        "steam burned my arm",
        "I am bleeding",
        "we had to go to the hospital with our son",
        "she was scalded by hot water",
        "my finger is stuck in the door",
        "I scalded myself",
        "hot water burned my wife",
        "someone got injured",
        "my hand got crushed",
        "my baby swallowed a dishwasher tablet",
        "my dog ate the detergent",
        "my son drank descaler",
        "the detergent got in my eye",
        "my daughter is trapped in the washing machine",
    ),
}
HARMLESS = (
    "My dishwasher does not drain",
    "the machine does not heat",
    "Where is the fuse for the smoke detector",
    "my smoke alarm is fine",
    "a smoke-free kitchen",
    "do you have it in smoke grey",
    "smoked glass door",
    "no smoke, no smell, it just does not start",
    "it isn't smoking or anything",
    "there is no burning smell",
    "there was never any smoke",
    "It is not on fire",
    "without any sparks",
    "I did not get a shock",
    "the price was a shock",
    "I was shocked by the bill",
    "shocking service",
    "I'm in shock at how slow this is",
    "it is shockproof, isn't it",
    "does it have a shock absorber",
    "the drum shock absorbers are worn",
    "my Fire TV does not connect",
    "I use the Fire Stick",
    "firewall blocks the app",
    "do you have a fire extinguisher nearby",
    "the fireplace is next to it",
    "fire up the machine",
    "he should be fired",
    "you should fire your courier",
    "the courier got fired",
    "a burning question about the warranty",
    "my coffee tastes burnt",
    "the coffee has a smoky flavour",
    "coffee is too hot",
    "the water is not hot",
    "it is really hot in here today",
    "the milk is burnt",
    "I burned a CD with the manual",
    "burned through two filters already",
    "I spend money like fire",
    "the hot water hose is dripping",
    "Is the plug included",
    "which plug does it need",
    "what socket does the washing machine need",
    "how many sparks plugs does it have",
    "sparkling clean dishes",
    "sparkling water",
    "glasses do not sparkle",
    "is it a gas stove",
    "does it work with a gas boiler",
    "my gas bill is high",
    "gas station",
    "electric or gas",
    "how do I change the battery",
    "the battery is empty",
    "where is the battery",
    "does it have a battery",
    "the battery of the remote is flat",
    "it leaks water",
    "water is leaking from the door",
    "it is leaking on the floor",
    "water left in the tub",
    "the door is jammed",
    "the drawer is stuck",
    "my clothes are trapped in the door",
    "my sock got stuck in the drum",
    "cut the price",
    "can you cut the hose to length",
    "a cut in the hose",
    "I cut the box open",
    "my wallet hurts",
    "it hurts to pay that much",
    "that hurts",
    "it doesn't hurt to ask",
    "the pump hums but nothing happens",
    "the machine buzzes during the spin cycle",
    "it makes a buzzing noise when it pumps",
    "touch the screen and nothing happens",
    "the touch panel does not react",
    "the touch screen shows current programme",
    "what is the current status of my return",
    "my current order",
    "the current programme does not end",
    "steam comes out of the door at the end",
    "steam is coming out when I open it",
    "how do I steam milk",
    "is the steam dangerous",
    "the steam wand drips",
    "is it safe to open the door",
    "live chat please",
    "can I talk to a live person",
    "where do you live",
    "the live tracking of my parcel does not work",
    "deliver to the hospital please",
    "I work in a hospital",
    "do you deliver to the hospital in Kiel",
    "the baby sleeps, is there a quiet programme",
    "how loud is it, my son sleeps next door",
    "my wife wants to return it",
    "my husband bought it for his mother",
    "my dog chewed the hose",
    "child lock does not work",
    "how do I set the child lock",
    "my cat hides behind it",
    "I was hurt by the way your agent spoke",
    "my feelings are hurt",
    "it blew the budget",
    "it explodes with flavour",
    "an explosion of flavour",
    "the drum is melting my patience",
    "melted chocolate on my shirts, which programme",
    "the ice cream melted all over my clothes",
    "wax melted on the tablecloth",
    "burnt food on the pan will not come off",
    "the pan has burnt on food",
    "baked on and burnt residue",
    "campfire smoke in my clothes, which programme",
    "the cigarette smoke does not come out of my shirts",
    "the clothes smell",
    "the dishwasher smells bad",
    "it smells like rotten eggs",
    "it smells of wet dog",
    "E24 is flashing",
    "the light is flashing",
    "power light blinks",
    "the machine trips nothing, it just stops",
    "I want my money back",
    "my flame red model HM-C200",
)
DENIED = (
    "there is no gas smell",
    "nobody got hurt",
    "nobody was injured",
    "no one is hurt",
    "no smoke so far",
    "it has no smoke and no sparks",
    "it isnt smoking",
    "doesnt smell burnt",
    "the battery is not swollen",
    "the battery isn't leaking",
    "the plug is not hot",
    "my finger is not stuck",
    "It doesn’t smell of burning",
)
NOT_DENIED = (
    "I have never seen smoke like this",
    "no idea why it is smoking",
    "not sure whether it is smoking",
    "it does not stop smoking",
    "it will not drain, and now there is smoke",
    "Not again. Smoke is coming out",
    "nothing works and it smells burnt",
    "the battery does not charge and is swollen",
    "nobody is hurt but the plug melted",
    "no water comes in and I got a shock from the tap",
    "there was no smoke yesterday. Today there is smoke",
)


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in DANGERS.items() for text in texts]
)
def test_a_danger_is_heard(kind: HazardKind, text: str) -> None:
    """With typos, in fragments, in capitals, in the middle of something else."""
    for said in (text, text.upper(), f"Hello, I have a question: {text}. Thank you"):
        found = find_hazard(said)
        assert found is not None
        assert found.kind is kind
    assert len(DANGERS[kind]) >= 8


@pytest.mark.parametrize("text", HARMLESS)
def test_the_harmless_is_left_alone(text: str) -> None:
    """A warning at every turn is one that nobody reads."""
    assert find_hazard(text) is None


@pytest.mark.parametrize("text", DENIED)
def test_a_denial_is_understood(text: str) -> None:
    """Whoever says that there is no danger is not warned of it."""
    assert find_hazard(text) is None


@pytest.mark.parametrize("text", NOT_DENIED)
def test_a_denial_of_something_else_denies_nothing(text: str) -> None:
    """In doubt, the warning."""
    assert find_hazard(text) is not None


def test_the_words_are_the_customers_own() -> None:
    """Agents read what was written, at a length that fits."""
    found = find_hazard("Since today it smells like burning")
    assert found is not None
    assert found.words == "it smells like burning"
    long = find_hazard("burning " + "plastic" * 500 + " smell")
    assert long is not None
    assert len(long.words) == 80


@pytest.mark.parametrize(
    "part",
    [
        "burn ",
        "no smoke ",
        "touch ",
        "it is ",
        "water ",
        "smell ",
        "my hand ",
        "battery ",
        "no any is it ",
        "a",
        " ",
        "\n",
        "fire!",
        "not burning ",
    ],
)
def test_no_text_makes_it_slow(part: str) -> None:
    """It stands before everything, so no stranger's text may hold it up."""
    text = (part * 4000)[:4000]
    started = time.perf_counter()
    find_hazard(text)
    assert time.perf_counter() - started < 0.5
