"""The processors that tests compile for, by the features that LLVM may use."""

I686 = ""
SSE2 = "+cmov,+mmx,+fxsr,+sse,+sse2"
V3 = f"{SSE2},+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+xsave,+avx,+fma,+f16c,+bmi,+bmi2,+avx2"  # of x86-64-v3, for i386
V4 = f"{V3},+avx512f,+avx512cd,+avx512dq,+avx512bw,+avx512vl"

PROCESSORS = {"i686": I686, "sse2": SSE2, "x86-64-v3": V3}
