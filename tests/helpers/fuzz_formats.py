"""Loaded by Schemathesis: texts of the formats that only our documents name."""

from __future__ import annotations

from zoneinfo import available_timezones

import schemathesis
from hypothesis import strategies as st

schemathesis.openapi.format("time-zone", st.sampled_from(sorted(available_timezones())))
