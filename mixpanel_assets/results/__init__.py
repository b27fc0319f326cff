"""Results: frozen dataclasses with `.to_dict()` and `.df`."""

from mixpanel_assets.results.analytics import *  # noqa: F403
from mixpanel_assets.results.base import *  # noqa: F403
from mixpanel_assets.results.catalog import *  # noqa: F403
from mixpanel_assets.results.funnels import *  # noqa: F403
from mixpanel_assets.results.landing import *  # noqa: F403
from mixpanel_assets.results.live import *  # noqa: F403
from mixpanel_assets.results.local import *  # noqa: F403
from mixpanel_assets.results.looking import *  # noqa: F403
