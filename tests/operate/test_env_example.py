"""`.env.example` is the operator's list of settings: it must name each, and none that is gone."""

import re

from actions.settings import Settings as ActionSettings
from gateway.settings import Settings as GatewaySettings
from operate.settings import Settings as OperateSettings
from operate.steps import ROOT

PREFIX = "AFTERCARE_"
# Read by `python -m retrieval`, which has no settings class.
ENCODER = {"AFTERCARE_ENCODER_MODEL", "AFTERCARE_ENCODER_SHA256"}


def test_every_setting_is_listed() -> None:
    """A setting that is not listed cannot be found; one that is listed for nothing misleads."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    listed = set(re.findall(r"^(AFTERCARE_\w+)=", text, re.MULTILINE))
    fields = {
        PREFIX + name.upper()
        for settings in (ActionSettings, GatewaySettings, OperateSettings)
        for name in settings.model_fields
    }

    assert listed == fields | ENCODER


def test_no_secret_has_a_value() -> None:
    """The example is public: what stands in it is no secret."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")

    assert re.findall(r"^AFTERCARE_\w*SECRET\w*=(.+)$", text, re.MULTILINE) == []
