"""Files written by the reference implementations: safetensors_reference.safetensors and npy_*.npy. Needs torch, numpy, safetensors."""
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file

here = pathlib.Path(__file__).parent

# Every dtype with values that survive conversion; names whose order differs from the dtype order; a scalar; an empty tensor.
t = {
    "z.f32": torch.tensor([[1.5, -2.0], [0.25, 3e38]]),
    "a.u8": torch.tensor([0, 7, 255], dtype=torch.uint8),
    "b.bool": torch.tensor([True, False, True]),
    "c.i64": torch.tensor(-(2**62), dtype=torch.int64),
    "d.f64": torch.tensor([0.1, 1e300], dtype=torch.float64),
    "e.bf16": torch.tensor([1.0, -3.140625], dtype=torch.bfloat16),
    "f.f16": torch.tensor([65504.0, 2.0**-24, -0.0, float("inf")], dtype=torch.float16),
    "g.i32": torch.tensor([[-5], [6]], dtype=torch.int32),
    "h.i16": torch.tensor([-32768, 32767], dtype=torch.int16),
    "i.i8": torch.tensor([-128, 127], dtype=torch.int8),
    "j.u16": torch.tensor([65535], dtype=torch.uint16),
    "k.u32": torch.tensor([4294967295], dtype=torch.uint32),
    "l.u64": torch.tensor([2**62], dtype=torch.uint64),
    "m.empty": torch.zeros((0, 3)),
}
save_file(t, here / "safetensors_reference.safetensors")
# The same, with only the dtypes that Lamina writes: the order of tensors and the header's text can be compared.
save_file({k: t[k] for k in ("z.f32", "a.u8", "c.i64", "d.f64", "e.bf16", "g.i32", "m.empty")}, here / "safetensors_plain.safetensors")

a = np.arange(6).reshape(2, 3)
np.save(here / "npy_f4.npy", (a / 4).astype("<f4"))
np.save(here / "npy_f8_fortran.npy", np.asfortranarray((a / 8).astype("<f8")))
np.save(here / "npy_i4_big_endian.npy", a.astype(">i4") - 3)
np.save(here / "npy_bool.npy", a % 2 == 1)
np.save(here / "npy_scalar.npy", np.array(7, dtype="<i8"))
np.save(here / "npy_u1_one_axis.npy", np.array([1, 2, 255], dtype="u1"))
np.save(here / "npy_f2.npy", np.array([1.5, -65504.0], dtype="<f2"))
np.save(here / "npy_object.npy", np.array([{}, None], dtype=object), allow_pickle=True)
np.save(here / "npy_struct.npy", np.zeros(2, dtype=[("x", "<f4")]))
