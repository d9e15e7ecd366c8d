/* What the compiled parts share: functions that Python may call, and what the processor can do. */

#pragma once

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#ifdef __x86_64__
#ifdef _WIN32 /* where the linker has none of the compiler's own functions */
__declspec(dllimport) int __stdcall IsProcessorFeaturePresent(unsigned int feature);
static inline int has_avx2(void) { return IsProcessorFeaturePresent(40) != 0; } /* and with it FMA */
static inline int has_avx512(void) { return 0; } /* of its parts Windows knows the first alone */
#else
static inline int has_avx2(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
static inline int has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif
#endif
