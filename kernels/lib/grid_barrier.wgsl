// A barrier for all workgroups of a dispatch: none goes on before all have arrived, and each then sees what the others wrote.
//   WGSL promises neither that workgroups run at the same time nor that they see each other's writes before the dispatch ends. It
//   holds where a driver on the CPU gives each workgroup a thread of its own. Waiting therefore has a bound, and who gives up says so:
//   what the dispatch writes from there on is worthless.
// Bindings   grid: waits that were given up; and arrivals, a multiple of the workgroups whenever a dispatch of several begins
var<private> num_workers: u32; // workgroups of the dispatch; set before anything else

var<workgroup> is_grid_whole: u32;

// The driver ends every loop of a workgroup after 65,535 turns of all its loops together. These are for all its waits.
var<private> turns_left: u32 = 30000u;

const QUICK_TURNS = 16u; // about 20 ns each, and a long turn about 600 ns

// At the start threads may have to wait for a processor that does something else.
const START_TURNS = 20000u;

fn is_given_up() -> bool {
  return atomicAdd(&grid[0], 0u) != 0u; // an addition, since a load may be taken out of a loop
}

fn has_arrived(last: u32) -> bool {
  return bitcast<i32>(atomicAdd(&grid[1], 0u) - last) >= 0;
}

// Whether all have arrived within so many long turns.
fn arrive(max_turns: u32) -> bool {
  if (num_workers == 1u) {
    return true;
  }
  if (is_given_up()) {
    return false;
  }
  let before = atomicAdd(&grid[1], 1u);
  let last = before - before % num_workers + num_workers;
  var is_there = has_arrived(last);
  for (var i = 0u; i < QUICK_TURNS && !is_there && turns_left > 0u; i++) {
    turns_left--;
    is_there = has_arrived(last);
  }
  var root = f32(last);
  for (var i = 0u; i < max_turns && !is_there && turns_left > 0u && !is_given_up(); i++) {
    turns_left--;
    LONG_TURN
    is_there = has_arrived(last) || root > 1.0e30; // never, but so there is a use of it
  }
  if (!is_there) {
    atomicAdd(&grid[0], 1u);
  }
  return is_there;
}

// The first one. False if not all workgroups run: then nothing is to be done.
fn grid_start(lane: u32) -> bool {
  if (lane == 0u) {
    is_grid_whole = u32(arrive(START_TURNS));
  }
  return workgroupUniformLoad(&is_grid_whole) != 0u;
}

fn grid_barrier(lane: u32) {
  workgroupBarrier();
  if (lane == 0u) {
    _ = arrive(turns_left);
  }
  workgroupBarrier();
}

// The last one: says so if the driver has ended loops early, for a loop of several turns then has one.
fn grid_end(lane: u32, num_turns: u32) {
  var turns = 0u;
  for (var i = 0u; i < num_turns; i++) {
    turns++;
  }
  if (lane == 0u && turns < num_turns) {
    atomicAdd(&grid[0], 1u);
  }
}
