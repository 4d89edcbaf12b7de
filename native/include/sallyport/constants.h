/* Generated from protocols/tags.ts and broker/plan/ops.ts by scripts/generate-constants.ts: do not edit. */
#ifndef SALLYPORT_CONSTANTS_H
#define SALLYPORT_CONSTANTS_H

/* Frames: {u32 tag, u64 length} little-endian, then the payload. Tags below the first reserved one are the user's. */
#define SALLYPORT_FIRST_RESERVED_TAG 0x80000000u
#define SALLYPORT_COMMS_FD 3
#define SALLYPORT_COMMS_VARIABLE "SALLYPORT_COMMS_FD"
#define SALLYPORT_FDS_VARIABLE "SALLYPORT_FDS"
#define SALLYPORT_TAG_BOOL 0x80000001u
#define SALLYPORT_TAG_INT8 0x80000002u
#define SALLYPORT_TAG_UINT8 0x80000003u
#define SALLYPORT_TAG_INT16 0x80000004u
#define SALLYPORT_TAG_UINT16 0x80000005u
#define SALLYPORT_TAG_INT32 0x80000006u
#define SALLYPORT_TAG_UINT32 0x80000007u
#define SALLYPORT_TAG_INT64 0x80000008u
#define SALLYPORT_TAG_UINT64 0x80000009u
#define SALLYPORT_TAG_STRING 0x80000100u
#define SALLYPORT_TAG_BYTES 0x80000101u
#define SALLYPORT_TAG_PROTO 0x80000102u
#define SALLYPORT_TAG_FD 0x80000201u
#define SALLYPORT_TAG_VALUE 0x80010001u
#define SALLYPORT_TAG_SHARED_BUFFER 0x80010002u
#define SALLYPORT_TAG_SHARED_BUFFER_BY_ID 0x80010003u
#define SALLYPORT_TAG_BUFFER_REQUEST 0x80010010u
#define SALLYPORT_TAG_BUFFER_GRANT 0x80010011u
#define SALLYPORT_TAG_BUFFER_REFUSAL 0x80010012u
#define SALLYPORT_TAG_BUFFER_RELEASE 0x80010013u
#define SALLYPORT_TAG_RING_OFFER 0x80010014u
#define SALLYPORT_TAG_RING_ANSWER 0x80010015u
#define SALLYPORT_TAG_BUFFER_KEPT 0x80010016u
#define SALLYPORT_TAG_BUFFER_GRANT_BY_ID 0x80010017u
#define SALLYPORT_TAG_HELLO 0x80010020u
#define SALLYPORT_TAG_FILTER 0x80010021u
#define SALLYPORT_TAG_LISTENER 0x80010022u
#define SALLYPORT_TAG_SEALED 0x80010023u
#define SALLYPORT_TAG_GO 0x80010024u
#define SALLYPORT_TAG_GATE_FAILED 0x80010025u
#define SALLYPORT_TAG_STAGE 0x80010030u
#define SALLYPORT_TAG_LAUNCHED 0x80010031u
#define SALLYPORT_TAG_FAILED 0x80010032u
#define SALLYPORT_TAG_EXITED 0x80010033u
#define SALLYPORT_TAG_EXECUTED 0x80010034u
#define SALLYPORT_TAG_ATTACH_FD 0x80010040u
#define SALLYPORT_TAG_ATTACH_BUFFER 0x80010041u
#define SALLYPORT_TAG_ATTACH_DROP 0x80010042u
#define SALLYPORT_TAG_CONNECT 0x80010043u
#define SALLYPORT_TAG_CONNECTED 0x80010044u
#define SALLYPORT_TAG_REFUSED 0x80010045u
#define SALLYPORT_TAG_CALL 0x80010046u
#define SALLYPORT_TAG_RETURN 0x80010047u
#define SALLYPORT_TAG_FAIL 0x80010048u
#define SALLYPORT_TAG_CANCEL 0x80010049u
#define SALLYPORT_TAG_ITEM 0x8001004au
#define SALLYPORT_TAG_CREDIT 0x8001004bu
#define SALLYPORT_TAG_EVENT 0x8001004cu
#define SALLYPORT_TAG_LISTEN 0x8001004du
#define SALLYPORT_TAG_EVENTS_ENDED 0x8001004eu
#define SALLYPORT_TAG_RELEASE 0x8001004fu
#define SALLYPORT_TAG_PART 0x80010050u
#define SALLYPORT_TAG_ATTACH_BUFFER_BY_ID 0x80010051u

/* The launcher's plan. */
#define SALLYPORT_PLAN_MAGIC 0x50594c53u
#define SALLYPORT_PLAN_VERSION 1u
#define SALLYPORT_PLAN_SIZE 1048576u
#define SALLYPORT_PLAN_STEPS 4096u
#define SALLYPORT_PLAN_TEXT 65536u
#define SALLYPORT_PLAN_ITEMS 4096u
#define SALLYPORT_STEP_FIELDS 8
#define SALLYPORT_KEPT_FDS 260
#define SALLYPORT_FD_NUMBERS 1024
#define SALLYPORT_LIFE_FD 4
#define SALLYPORT_PLAN_FD 5
/* The sixth argument of the one execveat that a monitor admits. */
#define SALLYPORT_FIRST_EXEC 0x59505345u
/* Stands in a filter for the pid of the program. */
#define SALLYPORT_OWN_PID 0x53504944u

/* X(number, name, shape): u, i, q numbers of 32 bits, signed, of 64 bits; f 0 or 1; s text; p absolute path; b bytes;
 * S, U, Q lists of texts, of 32-bit and of 64-bit numbers. */
#define SALLYPORT_STEPS(X) \
    X(1, keep_fds, "UU") \
    X(2, oom_score_adj, "i") \
    X(3, unshare, "u") \
    X(4, id_map, "uuuu") \
    X(5, pid_namespace, "") \
    X(6, private_propagation, "") \
    X(7, staging_root, "pqqqu") \
    X(8, bind, "ppufqq") \
    X(9, mask, "pq") \
    X(10, tmpfs, "pqquuf") \
    X(11, symlink, "sp") \
    X(12, proc, "pff") \
    X(13, pivot, "u") \
    X(14, hostname, "s") \
    X(15, working_directory, "p") \
    X(16, rlimit, "uqq") \
    X(17, session, "") \
    X(18, capability_bounds, "") \
    X(19, identity, "uu") \
    X(20, no_capabilities, "") \
    X(21, parent_death_signal, "") \
    X(22, no_new_privs, "") \
    X(23, landlock, "qqqSQiq") \
    X(24, speculation, "U") \
    X(25, not_dumpable, "") \
    X(26, stage0, "b") \
    X(27, run, "pSSb") \
    X(28, run_filtered, "siSSbbu") \
    X(29, join_cgroups, "U") \
    X(30, subreaper, "uq") \
    X(40, text_file, "ps") \
    X(41, controlling_terminal, "u")

#endif
