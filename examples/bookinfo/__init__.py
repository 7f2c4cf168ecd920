"""Bookinfo, written for Ostria: four services with the HTTP API, error texts and timeouts of Istio's sample of that name.

productpage → details, reviews; reviews v2 and v3 → ratings. Each module is one service: `python -m bookinfo.reviews 9080`.
"""
