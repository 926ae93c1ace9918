// Fused kernels of the training: normalisation, sorting by expert, SwiGLU, cross entropy, routing, AdamW.
#include "kernels.h"

extern "C"
{
  // x2 = x + delta (delta may be null); y = rmsnorm(x2) * g
  void
  addnorm_fwd (const float *x, const bf *delta, const float *g, long N, int W, float *x2, bf *y, float *rstd)
  {
#pragma omp parallel for
    for (long n = 0; n < N; n++)
      {
        vf ss = vf{};
        const float *a = x + n * W;
        float *o = x2 + n * W;
        for (int i = 0; i < W; i += 16)
          {
            vf v = L (a + i);
            if (delta)
              v = add (v, ld (delta + n * W + i));
            S (o + i, v);
            ss = fma (v, v, ss);
          }
        float r = 1.f / sqrtf (total (ss) / W + 1e-6f);
        rstd[n] = r;
        for (int i = 0; i < W; i += 16)
          st (y + n * W + i, mul (mul (L (o + i), B (r)), L (g + i)));
      }
  }
  // dx (in/out: gradient arriving at x2 from later; null-able via hasin) += norm backward; ddelta = bf16(dx)
  void
  addnorm_bwd (const float *x2, const float *g, const float *rstd, const bf *dy, long N, int W, float *dx,
               int hasin, bf *ddelta, float *dg)
  {
#pragma omp parallel
    {
      std::vector<float> acc (W, 0.f);
#pragma omp for
      for (long n = 0; n < N; n++)
        {
          vf dot = vf{}, r = B (rstd[n]);
          for (int i = 0; i < W; i += 16)
            {
              vf xh = mul (L (x2 + n * W + i), r), d = ld (dy + n * W + i);
              S (&acc[i], fma (d, xh, L (&acc[i])));
              dot = fma (mul (d, L (g + i)), xh, dot);
            }
          vf m = B (total (dot) / W);
          for (int i = 0; i < W; i += 16)
            {
              vf xh = mul (L (x2 + n * W + i), r), d = mul (ld (dy + n * W + i), L (g + i)),
                 v = mul (r, fnma (xh, m, d));
              if (hasin)
                v = add (v, L (dx + n * W + i));
              S (dx + n * W + i, v);
              if (ddelta)
                st (ddelta + n * W + i, v);
            }
        }
#pragma omp critical
      for (int i = 0; i < W; i++)
        dg[i] += acc[i];
    }
  }
  // sort N*K assignments by expert, rows of each expert padded to a multiple of PAD; pos[n*K+k] = row;
  // src[row] = n or -1; off[E+1]; returns rows
  int
  moe_sort (const int64_t *idx, int N, int K, int E, int PAD, int *pos, int *src, int *off)
  {
    std::vector<int> c (E, 0);
    for (int i = 0; i < N * K; i++)
      c[idx[i]]++;
    off[0] = 0;
    for (int e = 0; e < E; e++)
      off[e + 1] = off[e] + (c[e] + PAD - 1) / PAD * PAD;
    for (int i = 0; i < off[E]; i++)
      src[i] = -1;
    for (int e = 0; e < E; e++)
      c[e] = off[e];
    for (int i = 0; i < N * K; i++)
      {
        int r = c[idx[i]]++;
        pos[i] = r;
        src[r] = i / K;
      }
    return off[E];
  }
  void
  gather (const bf *x, const int *src, int R, int W, bf *y)
  {
#pragma omp parallel for
    for (int r = 0; r < R; r++)
      if (src[r] >= 0)
        memcpy (y + (size_t)r * W, x + (size_t)src[r] * W, W * 2);
      else
        memset (y + (size_t)r * W, 0, W * 2);
  }
  void
  combine (const bf *y, const int *pos, int N, int K, int W, bf *out)
  {
#pragma omp parallel for
    for (int n = 0; n < N; n++)
      for (int i = 0; i < W; i += 16)
        {
          vf a = ld (y + (size_t)pos[n * K] * W + i);
          for (int k = 1; k < K; k++)
            a = add (a, ld (y + (size_t)pos[n * K + k] * W + i));
          st (out + (size_t)n * W + i, a);
        }
  }
  // g: [R, 2F] (gate | up); a = silu(gate) * up * w
  void
  swiglu_fwd (const bf *g, const float *w, int R, int F, bf *a)
  {
#pragma omp parallel for
    for (int r = 0; r < R; r++)
      for (int i = 0; i < F; i += 16)
        {
          vf x = ld (g + (size_t)r * 2 * F + i), u = ld (g + (size_t)r * 2 * F + F + i);
          vf sg = div (B (1.f), add (B (1.f), vexp (sub (B (0.f), x))));
          st (a + (size_t)r * F + i, mul (mul (mul (x, sg), u), B (w[r])));
        }
  }
  void
  swiglu_bwd (const bf *g, const float *w, const bf *da, int R, int F, bf *dg, float *dw)
  {
#pragma omp parallel for
    for (int r = 0; r < R; r++)
      {
        vf s = vf{};
        for (int i = 0; i < F; i += 16)
          {
            vf x = ld (g + (size_t)r * 2 * F + i), u = ld (g + (size_t)r * 2 * F + F + i),
               d = ld (da + (size_t)r * F + i);
            vf sg = div (B (1.f), add (B (1.f), vexp (sub (B (0.f), x)))), sx = mul (x, sg);
            s = fma (d, mul (sx, u), s);
            d = mul (d, B (w[r]));
            st (dg + (size_t)r * 2 * F + F + i, mul (d, sx));
            st (dg + (size_t)r * 2 * F + i, mul (mul (d, u), fma (sx, sub (B (1.f), sg), sg)));
          }
        dw[r] = total (s);
      }
  }
  // cross entropy; logits replaced by weight * (softmax - onehot); returns per-token loss (unweighted) in
  // loss[n]
  void
  xent (bf *lg, const int64_t *y, const float *w, int N, int C, float *loss)
  {
#pragma omp parallel for schedule(dynamic, 16)
    for (int n = 0; n < N; n++)
      {
        bf *p = lg + (size_t)n * C;
        if (w[n] == 0)
          {
            memset (p, 0, C * 2);
            loss[n] = 0;
            continue;
          }
        vf m = B (-1e30f), s = vf{};
        for (int i = 0; i < C; i += 16)
          m = vmax (m, ld (p + i));
        float mx = largest (m);
        for (int i = 0; i < C; i += 16)
          s = add (s, vexp (sub (ld (p + i), B (mx))));
        float z = total (s), lz = mx + logf (z);
        float ly = tf (p[y[n]]);
        loss[n] = lz - ly;
        for (int i = 0; i < C; i += 16)
          st (p + i, mul (B (w[n]), vexp (sub (ld (p + i), B (lz)))));
        float q = w[n] * (expf (ly - lz) - 1);
        vf t = B (q);
        bf tmp[16];
        st (tmp, t);
        p[y[n]] = tmp[0];
      }
  }
  void
  embed_bwd (const float *dx, const int64_t *ids, int N, int W, float *dE)
  {
    for (int n = 0; n < N; n++)
      {
        float *e = dE + (size_t)ids[n] * W;
        const float *d = dx + (size_t)n * W;
        for (int i = 0; i < W; i++)
          e[i] += d[i];
      }
  }
  // router: softmax over E logits, top K, renormalised weights; p keeps the probabilities, cnt the selection
  // counts, lse the log-sum-exp
  void
  router_fwd (const float *lg, long N, int E, int K, float *p, float *wt, int64_t *idx, float *lse,
              float *cnt)
  {
    for (int e = 0; e < E; e++)
      cnt[e] = 0;
    for (long n = 0; n < N; n++)
      {
        const float *x = lg + n * E;
        float *q = p + n * E;
        float m = x[0], z = 0;
        for (int e = 1; e < E; e++)
          m = x[e] > m ? x[e] : m;
        for (int e = 0; e < E; e++)
          {
            q[e] = expf (x[e] - m);
            z += q[e];
          }
        float iz = 1 / z;
        for (int e = 0; e < E; e++)
          q[e] *= iz;
        lse[n] = m + logf (z);
        uint64_t used = 0;
        float s = 0;
        for (int k = 0; k < K; k++)
          {
            int b = -1;
            for (int e = 0; e < E; e++)
              if (!(used >> e & 1) && (b < 0 || q[e] > q[b]))
                b = e;
            used |= 1ull << b;
            idx[n * K + k] = b;
            s += q[b];
            cnt[b] += 1;
          }
        for (int k = 0; k < K; k++)
          wt[n * K + k] = q[idx[n * K + k]] / s;
      }
  }
  void
  router_bwd (const float *p, const float *wt, const int64_t *idx, const float *lse, const float *cnt,
              const float *dwt, long N, int E, int K, float aux, float zl, float *dlg)
  {
    std::vector<float> base (E);
    for (int e = 0; e < E; e++)
      base[e] = aux * E * cnt[e] / (N * K) / N;
    for (long n = 0; n < N; n++)
      {
        const float *q = p + n * E;
        float *d = dlg + n * E;
        float s = 0, t = 0, u = 0;
        for (int e = 0; e < E; e++)
          d[e] = base[e];
        for (int k = 0; k < K; k++)
          {
            s += q[idx[n * K + k]];
            t += dwt[n * K + k] * wt[n * K + k];
          }
        for (int k = 0; k < K; k++)
          d[idx[n * K + k]] += (dwt[n * K + k] - t) / s;
        for (int e = 0; e < E; e++)
          u += q[e] * d[e];
        float z = 2 * zl * lse[n] / N;
        for (int e = 0; e < E; e++)
          d[e] = q[e] * (d[e] - u + z);
      }
  }
  // two data-parallel workers: gradients g0 + g1, each either bf16 or f32
  static inline float
  gg (const void *a, int isbf, long i)
  {
    return isbf ? tf (((const bf *)a)[i]) : ((const float *)a)[i];
  }
  double
  sumsq2 (const void *a, const void *b, int isbf, long n)
  {
    double t = 0;
    for (long k = 0; k < n; k += 4096)
      {
        long e = k + 4096 < n ? k + 4096 : n;
        float s = 0;
        if (isbf)
          for (long i = k; i < e; i++)
            {
              float x = tf (((const bf *)a)[i]) + tf (((const bf *)b)[i]);
              s += x * x;
            }
        else
          for (long i = k; i < e; i++)
            {
              float x = ((const float *)a)[i] + ((const float *)b)[i];
              s += x * x;
            }
        t += s;
      }
    return t;
  }
  void
  adamw2 (float *p, float *m, float *v, const void *a, const void *b, int isbf, bf *pb, const float *wd,
          long n, float scale, float lr, float b1, float b2, float eps, float c1, float c2)
  {
    float x[4096];
    float i1 = 1 / c1, i2 = 1 / c2;
    for (long k = 0; k < n; k += 4096)
      {
        long e = n - k < 4096 ? n - k : 4096;
        if (isbf)
          for (long i = 0; i < e; i++)
            x[i] = (tf (((const bf *)a)[k + i]) + tf (((const bf *)b)[k + i])) * scale;
        else
          for (long i = 0; i < e; i++)
            x[i] = (((const float *)a)[k + i] + ((const float *)b)[k + i]) * scale;
        float *P = p + k, *M = m + k, *vf = v + k, w = wd[k >> 12];
        for (long i = 0; i < e; i++)
          {
            M[i] = b1 * M[i] + (1 - b1) * x[i];
            vf[i] = b2 * vf[i] + (1 - b2) * x[i] * x[i];
            P[i] = P[i] * (1 - lr * w) - lr * (M[i] * i1) / (sqrtf (vf[i] * i2) + eps);
          }
        if (pb)
          for (long i = 0; i < e; i++)
            {
              uint32_t u;
              memcpy (&u, P + i, 4);
              pb[k + i] = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
            }
      }
  }
}
