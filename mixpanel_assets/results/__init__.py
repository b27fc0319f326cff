"""What questions return: frozen records with `.to_dict()`, and `.df` where there are rows."""

from mixpanel_assets.results.landing import JSONText, LandedDay, Landing

__all__ = ["JSONText", "LandedDay", "Landing"]
