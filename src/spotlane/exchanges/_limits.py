"""The rate budget of one client: its own, or that of all processes of the machine that use the key."""

from __future__ import annotations

import logging

from spotlane.credentials import Credentials
from spotlane.exchanges._options import Options
from spotlane.spec import ExchangeSpec
from spotlane.transport import Budget, Clock, Layout, NotShared, SharedFile, SystemClock


def make_budget(
    spec: ExchangeSpec, options: Options, clock: Clock, credentials: Credentials, log: logging.Logger
) -> Budget:
    """Return the budget that the options ask for; where the shared memory can't be had, one of its own, with a warning.

    A clock that is not the machine's shares nothing: its times mean nothing to others.
    """
    reason, shared = "", None
    if not options.enforce_limits:
        reason = "the limits are not enforced"
    elif not options.share_budget:
        reason = "share_budget is off"
    elif not isinstance(clock, SystemClock):
        reason = "the client runs on a clock of its own"
    else:
        owner = (spec.name, options.base_url or spec.urls["live"], credentials.api_key)
        try:
            shared = SharedFile(Layout(spec.buckets), owner)
        except NotShared as obstacle:
            reason = str(obstacle)
            log.warning("other processes on this key are not seen by the rate budget: %s", reason)
    return Budget(spec.buckets, clock=clock, enforce=options.enforce_limits, shared=shared, alone_because=reason)
