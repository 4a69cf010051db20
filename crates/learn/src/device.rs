//! Where networks compute.

use crate::{Error, Result};
use burn::tensor::Device;
use std::fmt;

/// A kind of device, chosen at run time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceKind {
    /// All cores of the processor.
    #[default]
    Cpu,
    /// The first GPU, by way of Vulkan. Needs a program built with the feature `gpu`.
    Gpu,
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        })
    }
}

impl DeviceKind {
    /// The device, tried with a small sum.
    ///
    /// # Errors
    /// [`Error::NoDevice`] where there is no GPU that can be used, which says why.
    pub fn open(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            Self::Gpu => gpu(),
        }
    }
}

#[cfg(feature = "gpu")]
fn gpu() -> Result<Device> {
    use burn::tensor::{DeviceKind, Tensor};
    // The library panics where no adapter is found.
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let tried = std::panic::catch_unwind(|| {
        let device = Device::vulkan(DeviceKind::DefaultDevice);
        let sum: f32 = Tensor::<1>::from_floats([1.0, 2.0], &device).sum().into_scalar();
        (device, sum)
    });
    std::panic::set_hook(quiet);
    match tried {
        Ok((device, 3.0)) => Ok(device),
        Ok(_) => Err(Error::NoDevice("it cannot add 1 and 2; try another driver, or --device cpu".into())),
        Err(_) => Err(Error::NoDevice(
            "no Vulkan adapter was found; install the GPU's Vulkan driver and the loader (libvulkan1), or say \
             --device cpu"
                .into(),
        )),
    }
}

#[cfg(not(feature = "gpu"))]
fn gpu() -> Result<Device> {
    Err(Error::NoDevice(
        "this program was built without GPU support; build it with `cargo build --release --features gpu`, or say \
         --device cpu"
            .into(),
    ))
}
