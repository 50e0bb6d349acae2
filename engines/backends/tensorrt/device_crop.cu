// Cut crops out of a frame on the GPU, with the arithmetic of realtime/tracking/crop.cut: halve
// with rounding at each step, then interpolate between pixel centres; what lies outside is black.
// The functions before the kernel are plain C, and are tested as such on the CPU.

#ifndef __CUDACC_RTC__
#define __device__ static
#endif

#define MOST_HALVINGS 12

// One channel of the pixel that 2x2 and 4x4 pixels of the frame become; each step rounds.
__device__ int once(const unsigned char *at, long long pitch) {
  return (at[0] + at[3] + at[pitch] + at[pitch + 3] + 2) >> 2;
}

__device__ int twice(const unsigned char *at, long long pitch) {
  return (once(at, pitch) + once(at + 6, pitch) + once(at + 2 * pitch, pitch) +
          once(at + 2 * pitch + 6, pitch) + 2) >> 2;
}

// One channel of one pixel of the window, halved `halvings` times. Pixels of which a part lies
// outside the frame are black. More than twice, its 4x4 blocks are walked in Z-order, so that each
// further step rounds its four.
__device__ int halved(const unsigned char *frame, int frame_h, int frame_w, int left, int top,
                      int halvings, int column, int row, int channel) {
  int step = 1 << halvings;
  int x = left + column * step, y = top + row * step;
  if (x < 0 || y < 0 || x + step > frame_w || y + step > frame_h) return 0;
  long long pitch = 3LL * frame_w;
  const unsigned char *at = frame + y * pitch + 3 * x + channel;
  if (halvings == 0) return at[0];
  if (halvings == 1) return once(at, pitch);
  if (halvings == 2) return twice(at, pitch);
  int levels = halvings - 2, sums[MOST_HALVINGS] = {0}, value = 0;
  for (int place = 0; place < 1 << (2 * levels); place++) {
    int dx = 0, dy = 0;
    for (int bit = 0; bit < levels; bit++) {
      dx |= (place >> (2 * bit) & 1) << bit;
      dy |= (place >> (2 * bit + 1) & 1) << bit;
    }
    value = twice(at + 4 * dy * pitch + 12 * dx, pitch);
    for (int level = 0; level < levels; level++) {
      sums[level] += value;
      if ((place + 1) & ((1 << (2 * (level + 1))) - 1)) break;
      value = (sums[level] + 2) >> 2;
      sums[level] = 0;
    }
  }
  return value;
}

// The pixel of a crop at (x, y), three channels. box: left, top, width, height, halvings.
__device__ void cut_pixel(const unsigned char *frame, int frame_h, int frame_w, const int *box,
                          unsigned char *out, int crop_h, int crop_w, int x, int y) {
  int halvings = box[4], wide = box[2] >> halvings, high = box[3] >> halvings;
  float u = (x + 0.5f) * ((float)wide / crop_w) - 0.5f;
  float v = (y + 0.5f) * ((float)high / crop_h) - 0.5f;
  u = u < 0 ? 0 : u > wide - 1 ? wide - 1 : u;
  v = v < 0 ? 0 : v > high - 1 ? high - 1 : v;
  int x0 = (int)u, y0 = (int)v;
  int x1 = x0 + 1 < wide ? x0 + 1 : x0, y1 = y0 + 1 < high ? y0 + 1 : y0;
  float a = u - x0, b = v - y0;
  for (int c = 0; c < 3; c++) {
    float above = (1 - a) * halved(frame, frame_h, frame_w, box[0], box[1], halvings, x0, y0, c) +
                  a * halved(frame, frame_h, frame_w, box[0], box[1], halvings, x1, y0, c);
    float below = (1 - a) * halved(frame, frame_h, frame_w, box[0], box[1], halvings, x0, y1, c) +
                  a * halved(frame, frame_h, frame_w, box[0], box[1], halvings, x1, y1, c);
    out[c] = (unsigned char)((1 - b) * above + b * below + 0.5f);
  }
}

#ifdef __CUDACC_RTC__
extern "C" __global__ void cut_crops(const unsigned char *frame, int frame_h, int frame_w,
                                     const int *boxes, unsigned char *out, int crop_h,
                                     int crop_w) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= crop_w || y >= crop_h) return;
  long long pixel = ((long long)blockIdx.z * crop_h + y) * crop_w + x;
  cut_pixel(frame, frame_h, frame_w, boxes + 5 * blockIdx.z, out + 3 * pixel, crop_h, crop_w, x, y);
}
#endif
