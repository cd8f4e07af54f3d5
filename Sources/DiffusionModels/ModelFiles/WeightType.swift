/// The type in which a model's weights are kept in memory.
public enum WeightType: String, Sendable, CaseIterable {
    /// That of the files, from which the weights stay mapped.
    case stored
    /// Float32, which can be trained and changed, also if the files have fewer bits.
    case float32
    /// 8-bit integers with one scale for each output, for the weights of linear layers and convolutions; embeddings, norms and biases stay as
    /// they are in the files. A quarter of Float32's memory, for computing only: training and merging LoRAs need one of the others.
    case int8
}
