"""All schemes of the second implementation by name."""

import reference as ref
import reference_blocks as blocks
import reference_etc
import reference_instahide
import reference_neuracrypt

# How the material is derived, and how images are disguised with it.
SCHEMES = {
    "rmt": (ref.rmt_material, ref.rmt),
    "aes": (ref.aes_material, ref.aes),
    "instahide": (reference_instahide.instahide_material, reference_instahide.instahide),
    "tanaka": (blocks.tanaka_material, blocks.tanaka),
    "ele": (blocks.ele_material, blocks.ele),
    "skk": (blocks.skk_material, blocks.skk),
    "etc": (reference_etc.etc_material, reference_etc.etc),
    "etc-gray": (reference_etc.etc_gray_material, reference_etc.etc_gray),
    "shf": (blocks.shf_material, blocks.shf),
    "negpos": (blocks.negpos_material, blocks.negpos),
    "ffx": (blocks.ffx_material, blocks.ffx),
    "neuracrypt": (reference_neuracrypt.neuracrypt_material, reference_neuracrypt.neuracrypt),
}
