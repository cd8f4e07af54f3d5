#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <mpi.h>

// MPI's constants are macros with casts, which Swift does not import, and differ between implementations: calls that need them are made
// here. Every function returns MPI's error code, MPI_SUCCESS = 0.

/// Starts MPI for calls from one thread at a time, and lets calls return their errors.
static inline int brush_mpi_start(int *rank, int *count, int *rank_on_host, int *count_on_host) {
    int provided = 0, started = 0, code = MPI_Initialized(&started);
    if (code == MPI_SUCCESS && !started) code = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
    if (code != MPI_SUCCESS) return code;
    // Gradients are sent by another thread than the one that started MPI.
    if (!started && provided < MPI_THREAD_SERIALIZED) return MPI_ERR_OTHER;
    MPI_Comm host;
    (code = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN)) || (code = MPI_Comm_rank(MPI_COMM_WORLD, rank))
        || (code = MPI_Comm_size(MPI_COMM_WORLD, count))
        || (code = MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host))
        || (code = MPI_Comm_rank(host, rank_on_host)) || (code = MPI_Comm_size(host, count_on_host))
        || (code = MPI_Comm_free(&host));
    return code;
}

/// Ends MPI; all processes call it.
static inline int brush_mpi_finish(void) { return MPI_Finalize(); }

/// Ends all processes.
static inline void brush_mpi_abort(int code) {
    MPI_Abort(MPI_COMM_WORLD, code);
    _Exit(code);
}

/// The description of an error code, in a buffer of `size` characters.
static inline void brush_mpi_describe(int code, char *text, int size) {
    char message[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, message, &length);
    snprintf(text, (size_t)size, "%s", message);
}

/// Whether other threads of this process compute, 0 or 1.
static inline int *brush_mpi_computing(void) {
    static int computing;
    return &computing;
}

/// Says whether other threads of this process compute while it waits.
static inline void brush_mpi_set_computing(int computing) {
    __atomic_store_n(brush_mpi_computing(), computing, __ATOMIC_RELAXED);
}

/// Waits for a call that was started. MPI's own waiting takes a whole processor core: this leaves the core to other threads between its
/// tries, and sleeps after some milliseconds of them while other threads of this process compute, otherwise after about a second. Each try moves
/// some of the data, so that sleeping without need would slow it down.
static inline int brush_mpi_wait(int code, MPI_Request *request) {
    const struct timespec pause = {0, 50000};
    const int before_sleep = 2000, before_sleep_when_idle = 1000000;
    int done = 0;
    for (int tries = 0; code == MPI_SUCCESS && !done; tries++) {
        code = MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (done) break;
        int is_computing = __atomic_load_n(brush_mpi_computing(), __ATOMIC_RELAXED);
        if (tries < (is_computing ? before_sleep : before_sleep_when_idle))
            sched_yield();
        else
            nanosleep(&pause, NULL);
    }
    return code;
}

/// Gathers one number of each process.
static inline int brush_mpi_gather_counts(int count, int *counts) {
    MPI_Request request;
    return brush_mpi_wait(MPI_Iallgather(&count, 1, MPI_INT, counts, 1, MPI_INT, MPI_COMM_WORLD, &request), &request);
}

/// Sends one number to each process.
static inline int brush_mpi_exchange_counts(const int *sent, int *received) {
    MPI_Request request;
    return brush_mpi_wait(MPI_Ialltoall(sent, 1, MPI_INT, received, 1, MPI_INT, MPI_COMM_WORLD, &request), &request);
}

/// Gathers the bytes of all processes.
static inline int brush_mpi_gather_bytes(
    const void *sent, int count, void *received, const int *counts, const int *offsets) {
    MPI_Request request;
    return brush_mpi_wait(
        MPI_Iallgatherv(sent, count, MPI_BYTE, received, counts, offsets, MPI_BYTE, MPI_COMM_WORLD, &request), &request);
}

/// Gathers the numbers of all processes, where this process's are in their place already.
static inline int brush_mpi_gather_floats(float *numbers, const int *counts, const int *offsets) {
    MPI_Request request;
    return brush_mpi_wait(
        MPI_Iallgatherv(
            MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, numbers, counts, offsets, MPI_FLOAT, MPI_COMM_WORLD, &request),
        &request);
}

/// Sends numbers to each process.
static inline int brush_mpi_exchange_floats(
    const float *sent, const int *sent_counts, const int *sent_offsets, float *received, const int *received_counts,
    const int *received_offsets) {
    MPI_Request request;
    return brush_mpi_wait(
        MPI_Ialltoallv(
            sent, sent_counts, sent_offsets, MPI_FLOAT, received, received_counts, received_offsets, MPI_FLOAT,
            MPI_COMM_WORLD, &request),
        &request);
}
