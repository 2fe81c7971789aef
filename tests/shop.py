"""A small catalogue that is sold in `tallystick dev`: free, a price, more, by seats, on request."""

from __future__ import annotations

from typing import Final

__all__ = ["SHOP"]

SHOP: Final = """\
dialect: tallystick
currency: USD
products:
  - id: app
    name: App
    plans:
      - id: free
        name: Free
        interval: month
        limits: [{ key: projects, limit: 3, description: Projects }]
      - id: pro
        name: Pro
        interval: month
        interval_count: 1
        prices: [{ id: pro, name: Pro, type: flat, cost: 29 }]
        limits:
          - { key: projects, limit: 50 }
          - { key: reports, enabled: true, description: Reports }
      - id: max
        name: Max
        interval: month
        interval_count: 1
        prices: [{ id: max, name: Max, type: flat, cost: 99 }]
        limits:
          - { key: projects, limit: -1 }
          - { key: reports, enabled: true }
          - { key: audit, enabled: true, description: Audit log }
      - id: team
        name: Team
        interval: month
        interval_count: 1
        prices: [{ id: seat, name: Seats, type: per_seat, unit: seat, cost: 12 }]
        limits: [{ key: projects, limit: -1 }]
      - id: tried
        name: Tried
        interval: month
        interval_count: 1
        trial_days: 14
        prices: [{ id: tried, name: Tried, type: flat, cost: 39 }]
      - id: once
        name: For ever
        payment_type: one-time
        prices: [{ id: once, name: For ever, type: flat, cost: 199 }]
      - id: talk
        name: Enterprise
        interval: year
        custom: true
"""
