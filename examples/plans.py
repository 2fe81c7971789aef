"""A flat list of plans: prices in minor units (2900 is USD 29.00), features as limits.

Try it: `tallystick lint examples/plans.py`, `tallystick check examples/plans.py free projects
--used 3`.
"""

from tallystick import define_plans

plans = define_plans(
    [
        {
            "id": "free",
            "name": "Free",
            "price": 0,
            "currency": "USD",
            "interval": "month",
            "active": True,
            "features": [
                {"featureKey": "projects", "enabled": True, "limit": 3, "description": "Projects"},
                {
                    "featureKey": "storage",
                    "enabled": True,
                    "limit": 1_000_000_000,
                    "description": "Storage (bytes)",
                },
                {
                    "featureKey": "apiRequests",
                    "enabled": True,
                    "limit": 10_000,
                    "description": "API requests / month",
                },
                {"featureKey": "customDomains", "enabled": False, "description": "Custom domains"},
                {"featureKey": "support", "enabled": False, "description": "Priority support"},
            ],
        },
        {
            "id": "pro",
            "name": "Pro",
            "price": 2900,
            "currency": "USD",
            "interval": "month",
            "active": True,
            "features": [
                {"featureKey": "projects", "enabled": True, "limit": 50},
                {"featureKey": "storage", "enabled": True, "limit": 100_000_000_000},
                {"featureKey": "apiRequests", "enabled": True, "limit": 1_000_000},
                {"featureKey": "customDomains", "enabled": True},
                {"featureKey": "support", "enabled": True},
            ],
        },
        {
            # "contact us": price 0 and nothing limited is taken as custom, and lint says so
            "id": "enterprise",
            "name": "Enterprise",
            "price": 0,
            "currency": "USD",
            "interval": "year",
            "active": True,
            "features": [
                {"featureKey": "projects", "enabled": True, "limit": -1},
                {"featureKey": "storage", "enabled": True, "limit": -1},
                {"featureKey": "apiRequests", "enabled": True, "limit": -1},
                {"featureKey": "customDomains", "enabled": True},
                {"featureKey": "support", "enabled": True},
            ],
        },
    ]
)
