mod backup;
mod export;
mod growth;
mod history;
mod past;
mod views;
