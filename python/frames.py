"""What the controls of a cell show for other values than those at the start: *frames*.

A rendered book has no kernel. So when a chapter is executed, its controls are moved as a reader
would move them, and what they show then is kept in the notebook, beside what they show at first.
Several controls are moved in all combinations if these are few, and else one at a time, with the
others at their start. A button stays as it is.
"""

import itertools
import math
from dataclasses import dataclass
from queue import Empty

from nbclient import NotebookClient
from nbclient.util import ensure_async

FRAMES = "application/vnd.inorm.frames+json"
VIEW = "application/vnd.jupyter.widget-view+json"
# A cell whose controls do something lasting has this tag, and no frames.
UNMOVED = "unmoved"
MOST_STOPS, FEWEST_STOPS = 12, 5
MOST_FRAMES = 64
MOST_BYTES = 400_000
SECONDS_TO_ANSWER = 10


class Failed(Exception):
    """A control that does not show what it should, in one line."""


@dataclass
class Control:
    """A control, and those of its values for which there are frames."""

    comm: str
    label: str
    kind: str
    key: str
    values: list
    texts: list[str]
    start: int

    def thinned(self, most: int) -> "Control":
        """With at most so many values if it is a slider: its ends, its start, and some between, as
        far from each other if that leaves more than half as many."""
        last = len(self.values) - 1
        if self.kind != "slider" or last < most:
            return self
        even = [stops for stops in range(most // 2 + 1, most + 1) if last % (stops - 1) == 0]
        stops = max(even, default=most)
        places = [round(k * last / (stops - 1)) for k in range(stops)]
        inner = range(1, stops - 1) if stops > 2 and 0 < self.start < last else range(stops)
        nearest = min(inner, key=lambda k: abs(places[k] - self.start))
        places[nearest] = self.start
        return Control(
            self.comm, self.label, self.kind, self.key,
            [self.values[k] for k in places], [self.texts[k] for k in places], nearest,
        )  # fmt: skip


def control_of(comm: str, state: dict) -> Control | None:
    """The control that a model stands for; none if it is a button."""
    name, label = state["_model_name"], state.get("description", "")
    if name in ("FloatSliderModel", "IntSliderModel"):
        low, high, step = state["min"], state["max"], state["step"]
        steps = math.floor((high - low) / step + 1e-6)
        values = [min(low + k * step, high) for k in range(steps + 1)]
        texts = [format(value, state["readout_format"]) for value in values]
        start = round((state["value"] - low) / step)
        return Control(comm, label, "slider", "value", values, texts, start)
    if name == "DropdownModel":
        texts = list(state["_options_labels"])
        return Control(comm, label, "list", "index", [*range(len(texts))], texts, state["index"])
    if name == "CheckboxModel":
        values = [False, True]
        return Control(comm, label, "list", "value", values, ["off", "on"], int(state["value"]))
    return None


def planned(controls: list[Control], most: int) -> tuple[list[Control], list[tuple]]:
    """Controls with at most `most` frames, and the frames: for each control the place of its value."""
    for stops in range(MOST_STOPS, FEWEST_STOPS - 1, -1):
        thinned = [control.thinned(stops) for control in controls]
        if math.prod(len(control.values) for control in thinned) <= most:
            return thinned, [*itertools.product(*(range(len(c.values)) for c in thinned))]
    for stops in range(MOST_STOPS, 1, -1):
        thinned = [control.thinned(stops) for control in controls]
        if 1 + sum(len(control.values) - 1 for control in thinned) <= most:
            start = tuple(control.start for control in thinned)
            moved = [
                (*start[:k], place, *start[k + 1 :])
                for k, control in enumerate(thinned)
                for place in range(len(control.values))
                if place != start[k]
            ]
            return thinned, [start, *moved]
    return [], []


class Recorder:
    """The models of all widgets that a kernel has opened, and how to move them."""

    def __init__(self, client: NotebookClient):
        self.client, self.models = client, {}
        client.comm_open_handlers["jupyter.widget"] = self.opened

    def opened(self, message) -> None:
        content = message["content"]
        self.models[content["comm_id"]] = content["data"]["state"]

    async def record(self, cell) -> None:
        """Puts the frames of a cell that was just executed beside what its controls show."""
        if UNMOVED in cell.metadata.get("tags", []):
            return
        for output, saved in itertools.pairwise(cell.get("outputs", [])):
            if view := output.get("data", {}).get(VIEW):
                children = self.models[view["model_id"]]["children"]
                *controls, value = (child.removeprefix("IPY_MODEL_") for child in children)
                if frames := await self.step(controls, value):
                    saved.data[FRAMES] = frames

    async def step(self, comms: list[str], value: str) -> dict | None:
        found = (control_of(comm, self.models[comm]) for comm in comms)
        controls = [control for control in found if control]
        first = self.models[value]["outputs"][0]["data"]
        size = max(1, sum(len(part) for part in first.values()))
        controls, places = planned(controls, min(MOST_FRAMES, MOST_BYTES // size))
        if len(places) < 2:
            return None
        at = start = tuple(control.start for control in controls)
        shown = {start: first}
        for place in [*places, start]:
            for k, control in enumerate(controls):
                if place[k] != at[k]:
                    shown[place] = await self.move(control, place[k])
            at = place
        # The picture at the start is there already.
        shown[start] = {kind: part for kind, part in shown[start].items() if kind != "image/png"}
        described = [
            {"label": c.label, "kind": c.kind, "values": c.texts, "start": c.start}
            for c in controls
        ]
        frames = [{"at": list(place), "data": shown[place]} for place in places]
        return {"controls": described, "frames": frames}

    async def move(self, control: Control, place: int) -> dict:
        """What is shown once a control has this value."""
        kernel = self.client.kc
        data = {"method": "update", "state": {control.key: control.values[place]}}
        request = kernel.session.msg(
            "comm_msg", {"comm_id": control.comm, "data": {**data, "buffer_paths": []}}
        )
        kernel.shell_channel.send(request)
        shown = None
        what = f"the control {control.label} at {control.texts[place]}"
        while True:
            get = kernel.iopub_channel.get_msg(timeout=SECONDS_TO_ANSWER)
            try:
                message = await ensure_async(get)
            except Empty:
                raise Failed(f"{what}: no answer") from None
            if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
                continue
            content = message["content"]
            if message["msg_type"] == "comm_msg":
                outputs = content["data"].get("state", {}).get("outputs")
                shown = outputs[0]["data"] if outputs else shown
            elif content.get("execution_state") == "idle":
                break
        if shown is None:
            raise Failed(f"{what}: shows nothing within {SECONDS_TO_ANSWER} s")
        if error := shown.get("application/vnd.jupyter.stderr"):
            raise Failed(f"{what}: {error}")
        return shown
