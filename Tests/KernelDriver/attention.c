#include "driver.h"

#include <stdio.h>

static void attention_case(const struct tensor_kernels *table, int precision, intptr_t width, intptr_t queries, intptr_t keys,
                           bool causal) {
    enum bound bound;
    const char *name;
    const struct tensor_product_kernels *k = of_precision(table, precision, &bound, &name);
    // Rows with gaps between them, like those of one head of a tensor.
    const intptr_t query_stride = width + 2, key_stride = width + 1;
    const intptr_t query_numbers = (queries - 1) * query_stride + width, key_numbers = (keys - 1) * key_stride + width;
    const struct tensor_attention_head head = {.queries = numbers(query_numbers, 51),
                                               .keys = numbers(key_numbers, 52),
                                               .values = numbers(key_numbers, 53),
                                               .query_stride = query_stride,
                                               .key_stride = key_stride,
                                               .query_count = queries,
                                               .key_count = keys,
                                               .width = width,
                                               .first_query = keys > queries ? keys - queries : 0,
                                               .causal = causal,
                                               .scale = 0.5f};
    float *scratch = filled(k->attention_scratch(width, queries), 0);
    float *output = filled(queries * width, 0), *logarithms = filled(queries, 0);
    k->attention(&head, output, width, logarithms, scratch);
    char text[48];
    snprintf(text, sizeof text, "%s: attention%s", name, causal ? ", causal" : "");
    record(text, bound, queries * width, output);
    record(text, bound, queries, logarithms);
    float *dq = filled(query_numbers, 0), *dk = filled(key_numbers, 0), *dv = filled(key_numbers, 0);
    k->attention_gradient(&head, output, numbers(queries * width, 54), width, logarithms, dq, dk, dv, query_stride,
                          key_stride, scratch);
    snprintf(text, sizeof text, "%s: attention_gradient%s", name, causal ? ", causal" : "");
    record(text, bound, query_numbers, dq);
    record(text, bound, key_numbers, dk);
    record(text, bound, key_numbers, dv);
}

void attention_cases(const struct tensor_kernels *k, intptr_t n) {
    for (int precision = 0; precision < precisions; precision++)
        for (int causal = 0; causal <= 1; causal++) {
            attention_case(k, precision, n, 1 + n * 3 % largest_size, 1 + n * 5 % largest_size, causal);
            // More keys than fit into one tile of the kernel.
            attention_case(k, precision, 1 + n * 5 % 19, n, 3 * n, causal);
        }
}
