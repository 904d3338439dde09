// Int4 groups against f32 activations: a step is a group of 32 columns, a texel its 32 codes of one row. Goes behind lib/q4.wgsl.
struct Columns {
  x0: vec4f,
  x1: vec4f,
  x2: vec4f,
  x3: vec4f,
  x4: vec4f,
  x5: vec4f,
  x6: vec4f,
  x7: vec4f,
}

// Of the lane's own row.
fn load_columns(g: u32, row: u32) -> Columns {
  let first = 8u * g;
  return Columns(
    textureLoad(x, vec2u(first, row)),
    textureLoad(x, vec2u(first + 1u, row)),
    textureLoad(x, vec2u(first + 2u, row)),
    textureLoad(x, vec2u(first + 3u, row)),
    textureLoad(x, vec2u(first + 4u, row)),
    textureLoad(x, vec2u(first + 5u, row)),
    textureLoad(x, vec2u(first + 6u, row)),
    textureLoad(x, vec2u(first + 7u, row)),
  );
}

// Of one row for all lanes.
fn load_shared_columns(g: u32, row: u32, lane: u32) -> Columns {
  return load_columns(g, row);
}

fn unpack_row(texel: vec4u) -> vec4u {
  return texel;
}

fn dot_row(codes: vec4u, v: Columns, scale: f32) -> f32 {
  return scale * (
    dot(q4_low(codes.x), v.x0) + dot(q4_high(codes.x), v.x1) +
    dot(q4_low(codes.y), v.x2) + dot(q4_high(codes.y), v.x3) +
    dot(q4_low(codes.z), v.x4) + dot(q4_high(codes.z), v.x5) +
    dot(q4_low(codes.w), v.x6) + dot(q4_high(codes.w), v.x7)
  );
}
