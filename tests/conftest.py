"""Settings of the property tests: CI takes the same examples every time, elsewhere each run looks further."""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
