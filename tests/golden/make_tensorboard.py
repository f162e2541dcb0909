"""tensorboard.events: what tensorboard's own writer makes of the events of tests/io/tensorboard_test.cpp. Needs tensorboard."""
import pathlib

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

path = pathlib.Path(__file__).parent / "tensorboard.events"
png = b"\x89PNG, or what goes for one"
graph = GraphDef()
graph.versions.producer = 22
for name, op, inputs, shape in ("input", "Placeholder", [], (1, 8, 300, 3)), ("down/0/conv/conv2d", "conv2d", ["input"], (1, 8, 300, 16)):
    node = graph.node.add(name=name, op=op, input=inputs)
    dims = node.attr["_output_shapes"].list.shape.add()
    for d in shape:
        dims.dim.add(size=d)
value, image = Summary.Value, Summary.Image
events = [
    Event(file_version="brain.Event:2"),
    Event(graph_def=graph.SerializeToString()),
    Event(step=3, summary=Summary(value=[value(tag="train/loss", simple_value=0.75)])),
    Event(step=300, summary=Summary(value=[value(tag="overlays/a", image=image(height=2, width=3, colorspace=3, encoded_image_string=png))])),
    Event(step=301, session_log=SessionLog(status=SessionLog.START)),
    Event(step=400, summary=Summary(value=[value(tag="val/loss", simple_value=-2.5)])),
]
with open(path, "wb") as f:
    writer = RecordWriter(f)
    for i, e in enumerate(events):
        e.wall_time = 1000.5 + i
        writer.write(e.SerializeToString())
