/// The state of a training that a checkpoint contains besides its tensors.
struct TrainerState<Streams: Codable>: Codable {
    var stepCount: Int
    var averageUpdateCount: Int
    var streams: Streams
}
