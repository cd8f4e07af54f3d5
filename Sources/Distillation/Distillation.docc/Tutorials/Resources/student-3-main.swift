import DiffusionModels
import Foundation

let models = URL(filePath: "swift-brush/Examples/Models")
let teacher = try TextToImageModel(contentsOf: models.appending(path: "emoji-teacher"))

let picture = try teacher.picture(for: "a red heart", steps: 25, guidanceScale: 4.5, seed: 0)
try PNG.write(picture, to: URL(filePath: "teacher.png"))
