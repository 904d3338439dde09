// stage_activations: copies activations into a texture, where loads in loops cost a tenth
//   y[t, k] = x[t, k], zero from K to the next multiple of 32
// Bindings (group 0)
//   0 x   read      [T, K] f32, row-major, in fours
//   1 y   texture   [T, K padded] f32, texel (k, t) holds four
// Dispatch   (ceil(padded fours / 8), T)
override K: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var y: texture_storage_2d<rgba32float, write>;

@compute @workgroup_size(8)
fn stage_activations(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let k4_count = K / 4u;
  let k = group.x * 8u + local;
  var value = vec4f(0.0);
  if (k < k4_count) {
    value = x[group.y * k4_count + k]; // x[t, 4k..]
  }
  textureStore(y, vec2u(k, group.y), value);
}
