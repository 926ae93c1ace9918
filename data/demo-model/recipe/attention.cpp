// Attention of the training: causal, block-diagonal, per-head QK norm and rotary positions, forward and
// backward.
#include "kernels.h"

// C[M x N] (+)= A(i*si + k*sk) * Bm[k*ldb + n], N a multiple of 64
template <int MR>
static inline __attribute__ ((always_inline)) void
mk (int K, const float *A, long si, long sk, const float *Bm, long ldb, float *C, long ldc, bool acc)
{
  vf c[MR][4];
  for (int i = 0; i < MR; i++)
    for (int j = 0; j < 4; j++)
      c[i][j] = acc ? L (C + i * ldc + j * 16) : vf{};
  for (int k = 0; k < K; k++)
    {
      const float *b = Bm + k * ldb;
      vf b0 = L (b), b1 = L (b + 16), b2 = L (b + 32), b3 = L (b + 48);
      for (int i = 0; i < MR; i++)
        {
          vf a = B (A[i * si + k * sk]);
          c[i][0] = fma (a, b0, c[i][0]);
          c[i][1] = fma (a, b1, c[i][1]);
          c[i][2] = fma (a, b2, c[i][2]);
          c[i][3] = fma (a, b3, c[i][3]);
        }
    }
  for (int i = 0; i < MR; i++)
    for (int j = 0; j < 4; j++)
      S (C + i * ldc + j * 16, c[i][j]);
}
static void
gemm (int M, int N, int K, const float *A, long si, long sk, const float *Bm, long ldb, float *C, long ldc,
      bool acc)
{
  for (int n = 0; n < N; n += 64)
    {
      int i = 0;
      for (; i + 6 <= M; i += 6)
        mk<6> (K, A + i * si, si, sk, Bm + n, ldb, C + i * ldc + n, ldc, acc);
      const float *a = A + i * si;
      float *c = C + i * ldc + n;
      switch (M - i)
        {
        case 5:
          mk<5> (K, a, si, sk, Bm + n, ldb, c, ldc, acc);
          break;
        case 4:
          mk<4> (K, a, si, sk, Bm + n, ldb, c, ldc, acc);
          break;
        case 3:
          mk<3> (K, a, si, sk, Bm + n, ldb, c, ldc, acc);
          break;
        case 2:
          mk<2> (K, a, si, sk, Bm + n, ldb, c, ldc, acc);
          break;
        case 1:
          mk<1> (K, a, si, sk, Bm + n, ldb, c, ldc, acc);
          break;
        default:;
        }
    }
}
enum
{
  D = 64,
  LM = 512,
  QB = 48
};
static float COS[LM][32], SIN[LM][32];
struct Scr
{
  float *q, *k, *v, *kt, *vt, *s, *dp, *dq, *dk, *dv, *dO, *o;
};
static float *
al (size_t n)
{
  void *p = nullptr;
  if (posix_memalign (&p, 64, n * 4))
    return nullptr;
  memset (p, 0, n * 4);
  return (float *)p;
}
static Scr &
scr ()
{
  static thread_local Scr s;
  static thread_local bool init = false;
  if (!init)
    {
      init = true;
      for (float **p : { &s.q, &s.k, &s.v, &s.kt, &s.vt, &s.dq, &s.dk, &s.dv, &s.dO, &s.o })
        *p = al (LM * D);
      s.s = al (QB * LM);
      s.dp = al (QB * LM);
    }
  return s;
}
static void
norm_rope (const bf *x, const float *g, int pos, float *y)
{ // per-head RMS norm with gain, then NEOX rotary
  vf v[4];
  vf ss = vf{};
  for (int i = 0; i < 4; i++)
    {
      v[i] = ld (x + 16 * i);
      ss = fma (v[i], v[i], ss);
    }
  vf r = B (1.f / sqrtf (total (ss) / 64 + 1e-6f));
  for (int i = 0; i < 4; i++)
    v[i] = mul (mul (v[i], r), L (g + 16 * i));
  for (int i = 0; i < 2; i++)
    {
      vf c = L (&COS[pos][16 * i]), s = L (&SIN[pos][16 * i]);
      S (y + 16 * i, fms (v[i], c, mul (v[i + 2], s)));
      S (y + 32 + 16 * i, fma (v[i], s, mul (v[i + 2], c)));
    }
}
static void
norm_rope_bwd (const bf *x, const float *g, int pos, const float *dy, bf *dx, float *dg)
{
  vf v[4], d[4];
  vf ss = vf{}, dot = ss;
  for (int i = 0; i < 4; i++)
    {
      v[i] = ld (x + 16 * i);
      ss = fma (v[i], v[i], ss);
    }
  float rs = 1.f / sqrtf (total (ss) / 64 + 1e-6f);
  vf r = B (rs);
  for (int i = 0; i < 2; i++)
    {
      vf c = L (&COS[pos][16 * i]), s = L (&SIN[pos][16 * i]), a = L (dy + 16 * i), b = L (dy + 32 + 16 * i);
      d[i] = fma (a, c, mul (b, s));
      d[i + 2] = fms (b, c, mul (a, s));
    }
  for (int i = 0; i < 4; i++)
    {
      vf xh = mul (v[i], r);
      S (dg + 16 * i, fma (d[i], xh, L (dg + 16 * i)));
      d[i] = mul (d[i], L (g + 16 * i));
      v[i] = xh;
      dot = fma (d[i], xh, dot);
    }
  vf m = B (total (dot) / 64);
  for (int i = 0; i < 4; i++)
    st (dx + 16 * i, mul (r, fnma (v[i], m, d[i])));
}
extern "C"
{
  void
  init_rope (float theta)
  {
    for (int p = 0; p < LM; p++)
      for (int i = 0; i < 32; i++)
        {
          double a = p * pow (theta, -2.0 * i / 64);
          COS[p][i] = cos (a);
          SIN[p][i] = sin (a);
        }
  }
  // qkv: [N, (H+2*KV)*64] bf16; segments [nseg+1]; out [N, H*64] bf16; lse [N,H]
  void
  attn_fwd (const bf *qkv, const float *gq, const float *gk, const int *seg, int nseg, int H, int KV, bf *out,
            float *lse)
  {
    const int ld3 = (H + 2 * KV) * D, G = H / KV;
#pragma omp parallel for schedule(dynamic, 1)
    for (int task = 0; task < nseg * KV; task++)
      {
        int b = seg[task / KV], Ls = seg[task / KV + 1] - b, kv = task % KV;
        Scr &s = scr ();
        int Lp = (Ls + 63) / 64 * 64;
        for (int t = 0; t < Lp; t++)
          {
            if (t >= Ls)
              {
                for (int d = 0; d < D; d++)
                  s.kt[d * LM + t] = 0;
                continue;
              }
            const bf *row = qkv + (size_t)(b + t) * ld3;
            norm_rope (row + (H + kv) * D, gk, t, s.k + t * D);
            for (int i = 0; i < 4; i++)
              S (s.v + t * D + 16 * i, ld (row + (H + KV + kv) * D + 16 * i));
            for (int d = 0; d < D; d++)
              s.kt[d * LM + t] = s.k[t * D + d];
          }
        for (int h = kv * G; h < (kv + 1) * G; h++)
          {
            for (int t = 0; t < Ls; t++)
              {
                norm_rope (qkv + (size_t)(b + t) * ld3 + h * D, gq, t, s.q + t * D);
                for (int i = 0; i < 4; i++)
                  S (s.q + t * D + 16 * i, mul (L (s.q + t * D + 16 * i), B (0.125f)));
              }
            for (int q0 = 0; q0 < Ls; q0 += QB)
              {
                int M = Ls - q0 < QB ? Ls - q0 : QB, kn = (q0 + M + 63) / 64 * 64;
                gemm (M, kn, D, s.q + q0 * D, D, 1, s.kt, LM, s.s, LM, false);
                for (int i = 0; i < M; i++)
                  {
                    float *p = s.s + i * LM;
                    int n = q0 + i + 1;
                    float mx = -1e30f;
                    for (int j = 0; j < n; j++)
                      mx = p[j] > mx ? p[j] : mx;
                    for (int j = n; j < kn; j++)
                      p[j] = -1e30f;
                    vf sum = vf{}, m = B (mx);
                    for (int j = 0; j < kn; j += 16)
                      {
                        vf e = vexp (sub (L (p + j), m));
                        S (p + j, e);
                        sum = add (sum, e);
                      }
                    for (int j = n; j < kn; j++)
                      p[j] = 0;
                    float z = total (sum);
                    lse[(size_t)(b + q0 + i) * H + h] = mx + logf (z);
                    vf iz = B (1.f / z);
                    for (int j = 0; j < kn; j += 16)
                      S (p + j, mul (L (p + j), iz));
                  }
                gemm (M, D, q0 + M, s.s, LM, 1, s.v, D, s.o, D, false);
                for (int i = 0; i < M; i++)
                  for (int d = 0; d < D; d += 16)
                    st (out + (size_t)(b + q0 + i) * H * D + h * D + d, L (s.o + i * D + d));
              }
          }
      }
  }
  void
  attn_bwd (const bf *qkv, const float *gq, const float *gk, const int *seg, int nseg, int H, int KV,
            const bf *out, const float *lse, const bf *dout, bf *dqkv, float *dgq, float *dgk)
  {
    const int ld3 = (H + 2 * KV) * D, G = H / KV;
#pragma omp parallel
    {
      float ag[2][D] = {};
#pragma omp for schedule(dynamic, 1)
      for (int task = 0; task < nseg * KV; task++)
        {
          int b = seg[task / KV], Ls = seg[task / KV + 1] - b, kv = task % KV;
          Scr &s = scr ();
          int Lp = (Ls + 63) / 64 * 64;
          for (int t = 0; t < Lp; t++)
            {
              if (t >= Ls)
                {
                  for (int d = 0; d < D; d++)
                    s.kt[d * LM + t] = s.vt[d * LM + t] = 0;
                  continue;
                }
              const bf *row = qkv + (size_t)(b + t) * ld3;
              norm_rope (row + (H + kv) * D, gk, t, s.k + t * D);
              for (int i = 0; i < 4; i++)
                S (s.v + t * D + 16 * i, ld (row + (H + KV + kv) * D + 16 * i));
              for (int d = 0; d < D; d++)
                {
                  s.kt[d * LM + t] = s.k[t * D + d];
                  s.vt[d * LM + t] = s.v[t * D + d];
                }
            }
          memset (s.dk, 0, Ls * D * 4);
          memset (s.dv, 0, Ls * D * 4);
          for (int h = kv * G; h < (kv + 1) * G; h++)
            {
              for (int t = 0; t < Ls; t++)
                {
                  norm_rope (qkv + (size_t)(b + t) * ld3 + h * D, gq, t, s.q + t * D);
                  for (int i = 0; i < 4; i++)
                    {
                      S (s.q + t * D + 16 * i, mul (L (s.q + t * D + 16 * i), B (0.125f)));
                      S (s.dO + t * D + 16 * i, ld (dout + (size_t)(b + t) * H * D + h * D + 16 * i));
                    }
                }
              for (int q0 = 0; q0 < Ls; q0 += QB)
                {
                  int M = Ls - q0 < QB ? Ls - q0 : QB, kn = (q0 + M + 63) / 64 * 64, kk = q0 + M;
                  gemm (M, kn, D, s.q + q0 * D, D, 1, s.kt, LM, s.s, LM, false);
                  gemm (M, kn, D, s.dO + q0 * D, D, 1, s.vt, LM, s.dp, LM, false);
                  for (int i = 0; i < M; i++)
                    {
                      float *p = s.s + i * LM, *dp = s.dp + i * LM;
                      int n = q0 + i + 1;
                      vf l = B (lse[(size_t)(b + q0 + i) * H + h]), dl = vf{};
                      const bf *o = out + (size_t)(b + q0 + i) * H * D + h * D;
                      for (int d = 0; d < D; d += 16)
                        dl = fma (ld (o + d), L (s.dO + (q0 + i) * D + d), dl);
                      vf del = B (total (dl));
                      for (int j = 0; j < kn; j += 16)
                        {
                          vf e = vexp (sub (L (p + j), l));
                          e = first (e, n - j);
                          S (p + j, e);
                          S (dp + j, first (mul (e, sub (L (dp + j), del)), n - j));
                        }
                    }
                  gemm (M, D, kk, s.dp, LM, 1, s.k, D, s.dq + q0 * D, D, false);
                  gemm (kk, D, M, s.dp, 1, LM, s.q + q0 * D, D, s.dk, D, true);
                  gemm (kk, D, M, s.s, 1, LM, s.dO + q0 * D, D, s.dv, D, true);
                }
              for (int t = 0; t < Ls; t++)
                {
                  for (int i = 0; i < 4; i++)
                    S (s.dq + t * D + 16 * i, mul (L (s.dq + t * D + 16 * i), B (0.125f)));
                  norm_rope_bwd (qkv + (size_t)(b + t) * ld3 + h * D, gq, t, s.dq + t * D,
                                 dqkv + (size_t)(b + t) * ld3 + h * D, ag[0]);
                }
            }
          for (int t = 0; t < Ls; t++)
            {
              size_t r = (size_t)(b + t) * ld3;
              norm_rope_bwd (qkv + r + (H + kv) * D, gk, t, s.dk + t * D, dqkv + r + (H + kv) * D, ag[1]);
              for (int i = 0; i < 4; i++)
                st (dqkv + r + (H + KV + kv) * D + 16 * i, L (s.dv + t * D + 16 * i));
            }
        }
#pragma omp critical
      for (int d = 0; d < D; d++)
        {
          dgq[d] += ag[0][d];
          dgk[d] += ag[1][d];
        }
    }
  }
}
