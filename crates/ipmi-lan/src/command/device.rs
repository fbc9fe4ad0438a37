use super::Command;
use crate::wire::{NetworkFunction, Reader, WireError};

/// Get Device ID (IPMI 2.0 §20.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetDeviceId;

/// Get System GUID (IPMI 2.0 §22.14): that of the machine, which RAKP 2 tells too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetSystemGuid;

impl Command for GetSystemGuid {
    const NAME: &'static str = "Get System GUID";
    const NETWORK_FUNCTION: NetworkFunction = NetworkFunction::APPLICATION;
    const NUMBER: u8 = 0x37;
    /// The GUID's bytes as they are on the wire.
    type Response = [u8; 16];

    fn to_data(&self) -> Vec<u8> {
        Vec::new()
    }

    fn from_data(_: &[u8]) -> Result<Self, WireError> {
        Ok(Self)
    }

    fn parse_response(&self, data: &[u8]) -> Result<[u8; 16], WireError> {
        Reader::new("Get System GUID response", data).array()
    }
}

/// Who the BMC is (IPMI 2.0 §20.1, table 20-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceId {
    /// Device id, the vendor's own.
    pub device_id: u8,
    /// Device revision.
    pub device_revision: u8,
    /// Major firmware revision.
    pub firmware_major: u8,
    /// Minor firmware revision, BCD as the BMC sends it.
    pub firmware_minor: u8,
    /// Whether the BMC is in firmware update or initialising, and takes only few commands.
    pub update_in_progress: bool,
    /// IPMI version, BCD with the digits swapped: 02h is 2.0, 51h is 1.5.
    pub ipmi_version: u8,
    /// IANA enterprise number of the manufacturer, 20 bits.
    pub manufacturer: u32,
    /// Product id, the manufacturer's own.
    pub product: u16,
}

impl Command for GetDeviceId {
    const NAME: &'static str = "Get Device ID";
    const NETWORK_FUNCTION: NetworkFunction = NetworkFunction::APPLICATION;
    const NUMBER: u8 = 0x01;
    type Response = DeviceId;

    fn to_data(&self) -> Vec<u8> {
        Vec::new()
    }

    fn from_data(_: &[u8]) -> Result<Self, WireError> {
        Ok(Self)
    }

    fn parse_response(&self, data: &[u8]) -> Result<DeviceId, WireError> {
        let mut reader = Reader::new("Get Device ID response", data);
        let device_id = reader.u8()?;
        let device_revision = reader.u8()? & 0x0f;
        let firmware_1 = reader.u8()?;
        let firmware_minor = reader.u8()?;
        let ipmi_version = reader.u8()?;
        reader.skip(1)?; // additional device support
        let [low, middle, high] = reader.array()?;
        Ok(DeviceId {
            device_id,
            device_revision,
            firmware_major: firmware_1 & !DeviceId::UPDATE_IN_PROGRESS,
            firmware_minor,
            update_in_progress: firmware_1 & DeviceId::UPDATE_IN_PROGRESS != 0,
            ipmi_version,
            manufacturer: u32::from_le_bytes([low, middle, high & 0x0f, 0]),
            product: reader.u16()?,
        })
    }
}

impl DeviceId {
    const UPDATE_IN_PROGRESS: u8 = 0x80;

    /// The data of the response.
    #[must_use]
    pub fn to_data(&self) -> Vec<u8> {
        let update = if self.update_in_progress { Self::UPDATE_IN_PROGRESS } else { 0 };
        let [low, middle, high, _] = self.manufacturer.to_le_bytes();
        let [product_low, product_high] = self.product.to_le_bytes();
        vec![
            self.device_id,
            self.device_revision,
            self.firmware_major | update,
            self.firmware_minor,
            self.ipmi_version,
            0x80, // additional device support: chassis device
            low,
            middle,
            high,
            product_low,
            product_high,
        ]
    }
}
