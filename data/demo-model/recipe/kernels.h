// What the kernels share: bfloat16 and vectors of 16 floats, exp. Activations are bfloat16 in uint16_t, sums
// float32. Vectors of 16 floats are the compiler's, so any processor will do.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

typedef uint16_t bf;
typedef float vf __attribute__ ((vector_size (64)));
typedef int32_t VI __attribute__ ((vector_size (64)));
typedef uint32_t VU __attribute__ ((vector_size (64)));
typedef uint16_t VH __attribute__ ((vector_size (32)));

// One bfloat16 as float.
static inline float
tf (bf x)
{
  uint32_t u = (uint32_t)x << 16;
  float f;
  memcpy (&f, &u, 4);
  return f;
}
// Sixteen bfloat16 as floats, and back, rounded to the nearest even.
static inline vf
ld (const bf *p)
{
  VH h;
  memcpy (&h, p, sizeof h);
  VU u = __builtin_convertvector(h, VU) << 16;
  return (vf)u;
}
static inline void
st (bf *p, vf v)
{
  VU u = (VU)v;
  u = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
  VH h = __builtin_convertvector(u, VH);
  memcpy (p, &h, sizeof h);
}
static inline vf
L (const float *p)
{
  vf v;
  memcpy (&v, p, sizeof v);
  return v;
}
static inline void
S (float *p, vf v)
{
  memcpy (p, &v, sizeof v);
}
static inline vf
B (float x)
{
  return vf{} + x;
}
static inline vf
add (vf a, vf b)
{
  return a + b;
}
static inline vf
sub (vf a, vf b)
{
  return a - b;
}
static inline vf
mul (vf a, vf b)
{
  return a * b;
}
static inline vf
div (vf a, vf b)
{
  return a / b;
}
static inline vf
fma (vf a, vf b, vf c)
{
  return a * b + c;
}
static inline vf
fms (vf a, vf b, vf c)
{
  return a * b - c;
}
static inline vf
fnma (vf a, vf b, vf c)
{
  return c - a * b;
}
static inline vf
vmax (vf a, vf b)
{
  return a > b ? a : b;
}
static inline vf
vmin (vf a, vf b)
{
  return a < b ? a : b;
}
static inline float
total (vf v)
{
  float s = 0;
  for (int i = 0; i < 16; i++)
    s += v[i];
  return s;
}
static inline float
largest (vf v)
{
  float m = v[0];
  for (int i = 1; i < 16; i++)
    m = v[i] > m ? v[i] : m;
  return m;
}
// The first n lanes of v, zero in the others.
static inline vf
first (vf v, int n)
{
  for (int i = 0; i < 16; i++)
    v[i] = i < n ? v[i] : 0;
  return v;
}
// exp, |relative error| < 2e-7
static inline vf
vexp (vf x)
{
  x = vmax (vmin (x, B (88.f)), B (-87.f));
  vf t = x * 1.44269504f;
  VI k = __builtin_convertvector(t + (t < 0 ? B (-0.5f) : B (0.5f)), VI);
  vf n = __builtin_convertvector(k, vf);
  vf r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  vf p = B (1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.f;
  VI e = (k + 127) << 23;
  return p * (vf)e;
}
