/// What a checkpoint has of a training besides its tensors.
struct TrainerState<Streams: Codable>: Codable {
    var stepCount: Int
    var averageUpdateCount: Int
    var streams: Streams
}
