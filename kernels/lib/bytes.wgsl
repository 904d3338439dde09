// Four numbers from -127 to 127 as bytes.
fn pack_bytes(a: i32, b: i32, c: i32, d: i32) -> u32 {
  return u32(a + 128) | (u32(b + 128) << 8u) | (u32(c + 128) << 16u) | (u32(d + 128) << 24u);
}
