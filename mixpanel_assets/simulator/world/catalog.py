"""The building blocks of the synthetic shop: places, devices, pages, goods and words."""

from __future__ import annotations

# country, region, city, hours from UTC, currency
PLACES = (
    ("US", "California", "San Francisco", -8, "USD"),
    ("US", "New York", "New York", -5, "USD"),
    ("US", "Texas", "Austin", -6, "USD"),
    ("US", "Illinois", "Chicago", -6, "USD"),
    ("CA", "Quebec", "Montréal", -5, "CAD"),
    ("GB", "England", "London", 0, "GBP"),
    ("DE", "Bayern", "München", 1, "EUR"),
    ("DE", "Nordrhein-Westfalen", "Köln", 1, "EUR"),
    ("FR", "Île-de-France", "Paris", 1, "EUR"),
    ("PL", "Łódź Voivodeship", "Łódź", 1, "PLN"),
    ("BR", "São Paulo", "São Paulo", -3, "BRL"),
    ("IN", "Karnataka", "Bengaluru", 5, "INR"),
    ("JP", "東京都", "東京", 9, "JPY"),
    ("KR", "서울특별시", "서울", 9, "KRW"),
    ("AU", "New South Wales", "Sydney", 10, "AUD"),
)
PLACE_WEIGHTS = (14, 13, 8, 6, 5, 11, 6, 4, 6, 3, 7, 9, 4, 2, 4)

# os, browser, browser version, screen width, screen height
DESKTOPS = (
    ("Windows", "Chrome", 126, 1920, 1080),
    ("Windows", "Microsoft Edge", 125, 1536, 864),
    ("Windows", "Firefox", 127, 1920, 1200),
    ("Mac OS X", "Chrome", 126, 1728, 1117),
    ("Mac OS X", "Safari", 17.5, 1440, 900),
    ("Linux", "Firefox", 127, 2560, 1440),
)
PHONES = (
    ("iOS", "Mobile Safari", 17.5, 390, 844),
    ("iOS", "Chrome iOS", 126, 430, 932),
    ("Android", "Chrome", 126, 412, 915),
    ("Android", "Samsung Internet", 25, 360, 800),
)

# referrer, referring domain, utm source, utm medium, utm campaign
CHANNELS = (
    ("$direct", "$direct", "", "", ""),
    ("https://www.google.com/", "www.google.com", "google", "cpc", "brand-search"),
    ("https://www.google.com/", "www.google.com", "", "", ""),
    ("https://news.ycombinator.com/", "news.ycombinator.com", "hn", "social", "launch-day"),
    ("https://mail.example.com/", "mail.example.com", "newsletter", "email", "weekly-digest"),
    ("https://www.youtube.com/", "www.youtube.com", "youtube", "video", "creator-spring"),
)
CHANNEL_WEIGHTS = (30, 18, 24, 4, 16, 8)

PLANS = ("free", "starter", "team", "business")
PLAN_WEIGHTS = (60, 22, 13, 5)

PAGES = ("/", "/pricing", "/shop", "/shop/desks", "/shop/lamps", "/blog/quiet-offices", "/account")
SITE = "https://shop.example.com"

# sku, name, category, price
GOODS = (
    ("DSK-120", "Standing desk 120", "desks", 449.0),
    ("DSK-160", "Standing desk 160", "desks", 589.0),
    ("CHR-001", "Task chair", "chairs", 329.5),
    ("CHR-007", "Kneeling stool", "chairs", 149.0),
    ("LMP-010", "Clamp lamp", "lamps", 59.9),
    ("LMP-021", "Mood light 🌙", "lamps", 34.5),
    ("ACC-003", "Cable tray", "accessories", 24.0),
    ("ACC-014", "Felt desk mat", "accessories", 39.0),
    ("ACC-020", "Monitor arm", "accessories", 119.0),
)

QUERIES = (
    "standing desk",
    "lamp",
    "chaise de bureau",
    "höhenverstellbarer Tisch",
    "モニターアーム",
    "mood light 🌙✨",
    'desk 48" x 24"',
    "cable   tray",
    "krzesło biurowe",
    "",
)
TAGS = ("sale", "new", "bulk", "gift", "repeat", "remote-work", "50%+")
COUPONS = (None, None, None, "WELCOME10", "SPRING-24", "NULL")
TOPICS = ("delivery", "invoice", "warranty", "login", "other")
PRIORITIES = ("low", "normal", "high")

# Share of a local day's sessions that begin in each hour.
HOURS = (8, 5, 3, 2, 2, 4, 9, 18, 32, 45, 52, 54, 50, 51, 53, 52, 48, 44, 42, 46, 50, 44, 30, 17)
WEEKDAYS = (1.12, 1.16, 1.15, 1.11, 1.02, 0.70, 0.74)

GIVEN_NAMES = (
    *("Ana", "Chloé", "Zoë", "Łukasz", "Jürgen", "Priya", "Noah", "Olivia", "Mateus", "さくら"),
    *("민준", "Søren", "Aoife", "Amir", "D'Arcy", "Mary-Jane"),
)
FAMILY_NAMES = (
    *("Smith", "O'Neill", "García", "Müller", "Nowak", "Tremblay", "Silva", "Patel", "佐藤", "김"),
    *("Dubois", "Jones", "van der Berg", "Østergård"),
)
COMPANIES = (
    None,
    None,
    None,
    "Quiet Desk Ltd",
    "Bäckerei Süß GmbH",
    'The "Lamp" Co.',
    "光デザイン",
)
STREETS = ("Market St", "Rue de l’Église", "Lindenstraße", "ul. Piotrkowska", "桜通り")
NOTES = (
    "",
    "Asked for a quote 🙋‍♀️",
    "Line one\nline two\ttabbed",
    "Separators \u2028 inside \u2029 text",
    'Said "never again" \\ came back',
)
NEWSLETTERS = ("news", "offers", "tips", "événements")
# Values that several versions of the shop have saved for the color theme.
THEMES = ("dark", "light", 1, True, None)
