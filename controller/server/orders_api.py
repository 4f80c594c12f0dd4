"""A person's orders about trials: stop one, retry failed ones, try a configuration next.

All are safe to repeat, and are told to the agents at once: the loop is woken. What may be ordered
when is controller/orders.py's. Neighbour: sweep_api.py (orders about a whole sweep).
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from controller import orders
from controller.server.auth import caller
from controller.server.services import Services, services
from controller.server.status import trial_json
from controller.server.wire import Handler, json_response, read_json


async def enqueue(request: Request) -> Response:
    """POST /api/sweeps/{id}/enqueue {configs: [{…}], key}: {"trials": those made of them}.

    `key` is drawn by who asks: with the same key the same trials are answered, and none is added.
    """
    found, body = services(request), await read_json(request)
    configs = body.objects("configs", most=orders.MOST)
    made = await found.call(
        orders.enqueue,
        found.store,
        request.path_params["sweep_id"],
        [config.all for config in configs],
        user=caller(request).user,
        key=body.text("key", longest=100),
    )
    found.loop.wake()
    return json_response({"trials": [trial_json(each) for each in made]})


async def retry(request: Request) -> Response:
    """POST /api/sweeps/{id}/retry {trials: [ids]?}: {"trials": those queued again}; without
    `trials` all that have failed."""
    found, body = services(request), await read_json(request)
    ids = body.texts("trials") if body.has("trials") else None
    return await _retry(found, request.path_params["sweep_id"], ids)


async def retry_one(request: Request) -> Response:
    """POST /api/trials/{id}/retry: {"trials": [it], or [] when it waits or runs already}."""
    found, trial_id = services(request), request.path_params["trial_id"]
    trial = await found.call(found.store.get_trial, trial_id)
    return await _retry(found, trial.sweep_id, [trial_id])


async def _retry(found: Services, sweep_id: str, ids: list[str] | None) -> Response:
    retried = await found.call(orders.retry_trials, found.store, sweep_id, ids)
    found.loop.wake()
    return json_response({"trials": [trial_json(each) for each in retried]})


async def stop(request: Request) -> Response:
    """POST /api/trials/{id}/stop: the trial; one that runs ends within its grace."""
    found = services(request)
    trial = await found.call(
        orders.stop_trial,
        found.store,
        request.path_params["trial_id"],
        user=caller(request).user,
    )
    found.loop.wake()
    return json_response(trial_json(trial))


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/api/sweeps/{sweep_id}/enqueue", enqueue),
    ("POST", "/api/sweeps/{sweep_id}/retry", retry),
    ("POST", "/api/trials/{trial_id}/stop", stop),
    ("POST", "/api/trials/{trial_id}/retry", retry_one),
)
